"""What a file, an annotation file, a perturbation or this machine is: commands that study nothing."""
