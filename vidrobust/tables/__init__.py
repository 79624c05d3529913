"""The tables of a run: names, columns, dtypes; checked, written and read. No torch here."""
