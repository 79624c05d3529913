"""The worst moments as pictures."""
