"""The dossier: what a run has as evidence for clauses of standards on robustness, and what is not covered."""
