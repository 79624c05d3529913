"""Fine-tuning with a policy and with what it is held against, on part of the footage, judged on the rest."""
