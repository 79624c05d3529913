"""Which perturbations stand for what happens in the footage: the correlation study."""
