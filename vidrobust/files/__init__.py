"""Files and what stands in them: written whole or not at all, read once, errors said once."""
