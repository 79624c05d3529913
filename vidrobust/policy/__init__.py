"""From the evidence to what to train with, and its exports for training code."""
