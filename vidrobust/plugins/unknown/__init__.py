"""How far the footage lies from what a network was trained for, and whether it is unstable or wrong there."""
