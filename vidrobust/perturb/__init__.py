"""One function per perturbation, and the catalogue of them all."""
