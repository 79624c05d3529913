"""Which neighbouring frames may be compared, and what each input is."""
