"""Options that several commands or many options of one command share."""
