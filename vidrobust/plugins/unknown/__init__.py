"""Which frames a classifier does not know, and whether it is unstable there."""
