"""The engine that runs stages."""
