"""The simulated line: footage of parts whose truth is known, and two small models trained on it."""
