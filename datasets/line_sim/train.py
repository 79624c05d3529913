"""Train the line's classifier and detector: ``python -m datasets.line_sim.train``."""

import sys

from vidrobust.plugins.line.training.train import main

if __name__ == "__main__":
    sys.exit(main())
