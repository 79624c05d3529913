"""Study six public clips, and write docs/gallery.md: what the eye says, what the page says, and whether they agree.

python docs/gallery.py CORPUS MODELS [RUNS]

Runs that exist are continued. ``docs/gallery.toml`` holds the sentences that were written before any run.
"""
