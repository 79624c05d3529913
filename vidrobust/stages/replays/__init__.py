"""The models asked again, of footage without its causes and with changes of their own."""
