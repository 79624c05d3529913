"""Which augmentations to train with, and how strong."""
