"""What turns gradients into a trained model."""
