"""Golden files: the wording of pages, commands and errors, one file each, reviewed in the diff.

``make golden`` writes them anew. Every other test asserts numbers, codes and types.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
WRITE = "VIDROBUST_WRITE_GOLDEN"
"""Where this variable is set, files are written and not compared."""


def assert_golden(name, text):
    """Compare a text with ``tests/golden/NAME``; spaces at the ends of lines do not count."""
    path, found = FOLDER / name, "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if os.environ.get(WRITE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.is_file(), f"{path.name} is not there: run make golden"
    expected = path.read_text(encoding="utf-8")
    assert found == expected, f"{path.name}: run make golden and review the diff"
