"""How much each perturbation moves the prediction."""
