"""The kinds of models, a file each: how a spec of that kind is loaded, and its KIND record."""
