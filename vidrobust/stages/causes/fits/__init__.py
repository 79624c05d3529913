"""How a perturbation is fitted to a cause's step of the chain."""
