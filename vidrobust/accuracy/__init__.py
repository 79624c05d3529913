"""The accuracy package."""
