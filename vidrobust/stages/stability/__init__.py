"""How stable the models are, frame to frame."""
