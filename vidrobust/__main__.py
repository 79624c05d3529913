"""``python -m vidrobust``."""

from vidrobust.cli.watched import main

main()
