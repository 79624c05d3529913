"""An object pasted over a grid of positions: what a detector makes of it, and of everything else."""
