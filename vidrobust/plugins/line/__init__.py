"""The simulated line: footage of parts on a belt whose truth is known, and two small models trained on it."""
