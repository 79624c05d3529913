"""The plugins package."""
