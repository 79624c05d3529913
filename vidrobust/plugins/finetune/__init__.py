"""Fine-tuning with a policy and its baselines on part of the footage, judged on the rest."""
