"""The work of each stage: on a unit cut from footage, or on the tables of a run."""
