"""Render line footage whose truth is known: ``python -m datasets.line_sim.render --out DIR --parts 4``."""

import sys

from vidrobust.plugins.line.render import main

if __name__ == "__main__":
    sys.exit(main())
