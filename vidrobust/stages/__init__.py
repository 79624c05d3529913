"""The stages of a study, a folder each, in the order of the data."""
