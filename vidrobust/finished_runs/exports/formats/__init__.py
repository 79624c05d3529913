"""The formats of ``vidrobust export``, a file each: its name is the format's, and it holds the FORMAT record."""
