"""Studies of a class: agreement, kappa, signal detection, the grey zone."""
