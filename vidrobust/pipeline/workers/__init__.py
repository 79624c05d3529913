"""Several processes, here or on a cluster, that do the units of a run."""
