"""``python -m vidrobust``."""

from vidrobust.cli.app import main

main()
