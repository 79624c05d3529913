"""What in the set-up of a camera makes its pictures change, and which setting to touch: ``camera``."""
