"""Studies from Python: sources and models of any form go in, a run with its answers comes out."""
