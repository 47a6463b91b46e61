"""Logs to learn from: the bundled shop, and MovieLens on request."""
