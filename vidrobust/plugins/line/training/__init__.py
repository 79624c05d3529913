"""Training of the line's two models: samples, losses, scores."""
