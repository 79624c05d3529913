"""The four kinds of parts, a module each: a generator of random numbers becomes a Surface."""
