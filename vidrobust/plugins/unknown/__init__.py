"""How far the footage lies from the training data, and whether a network is unstable or wrong there."""
