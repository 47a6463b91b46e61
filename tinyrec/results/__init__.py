"""What comes out: rankings measured, compared, drawn and explained."""
