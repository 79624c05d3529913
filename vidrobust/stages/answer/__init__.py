"""The answer of a run: statements of all stages and plugins, and the texts that are made of them."""
