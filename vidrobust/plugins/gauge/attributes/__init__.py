"""Studies of a class: agreement, kappas, the grey zone."""
