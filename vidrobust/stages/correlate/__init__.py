"""Which perturbation stands for what happens in the footage."""
