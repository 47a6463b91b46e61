"""Measurements of the package itself: how fast it is, and what each part is worth."""
