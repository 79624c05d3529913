"""An object pasted over a grid of positions of a frame: what a detector makes of it, and of everything else."""
