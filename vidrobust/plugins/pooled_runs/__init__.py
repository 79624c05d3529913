"""Several runs correlated as one, and by published protocols."""
