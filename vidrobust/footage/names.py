"""One name an item: the shortest that no other has, valid text on one line."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from vidrobust.text.printable import printable


def names_of(paths: Sequence[Path]) -> list[str]:
    """One name a path: the stem; where two are alike the whole name, then with ever more of the folders."""
    paths = [Path(os.path.abspath(path)) for path in paths]
    names = [_name(path, 0) for path in paths]
    for depth in range(1, max((len(p.parts) for p in paths), default=0) + 1):
        alike = {name for name, count in Counter(names).items() if count > 1}
        names = [
            _name(path, depth) if name in alike else name for path, name in zip(paths, names, strict=True)
        ]
    return names


def numbered(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, with #2, #3 ... behind those that came before or are among ``taken``."""
    used = set(taken)
    found = []
    for name in names:
        number, free = 1, name
        while free in used:
            number += 1
            free = f"{name}#{number}"
        used.add(free)
        found.append(free)
    return found


def _name(path: Path, depth: int) -> str:
    if depth == 0:
        return printable(path.name if os.path.isdir(path) else path.stem)
    return printable("/".join(path.parts[-depth:]).lstrip("/"))
