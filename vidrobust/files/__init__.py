"""Files and their formats: written whole or not at all."""
