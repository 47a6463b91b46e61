"""What turns gradients into a trained model."""

from . import adam  # noqa: F401
