"""Fine-tuning: recipes are tried on part of the footage, one is chosen, and the rest judges."""
