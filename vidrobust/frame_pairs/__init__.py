"""What changed between two frames, from pixels alone: light, colour, motion, sharpness, noise."""
