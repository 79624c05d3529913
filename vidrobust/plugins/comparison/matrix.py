"""How often each two of several models answer differently on the frames that both saw."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.plugins.comparison.compare_sides import agreement_of, sides_of
from vidrobust.run_folder.folder import RunFolder
from vidrobust.text.numbers import percent

WIDTH = 12  # of a column on the console


def agreement_matrix(folders: Sequence[RunFolder]) -> dict[str, Any]:
    """Return the share of frames with another answer of each two models of these runs.

    Raises
    ------
    SettingsError
        There are fewer than two models.
    InputError
        Two runs share no footage.
    """
    models = [(folder, name) for folder in folders for name in folder.record.tasks]
    if len(models) < 2:
        raise SettingsError("compare: expected two runs, or a run of two models and more")
    names = [
        f"{folder.path.name}: {model}" if len(folders) > 1 else model for folder, model in models
    ]
    pairs = []
    for (k, (a, one)), (j, (b, other)) in itertools.combinations(enumerate(models), 2):
        first, second, by, _ = sides_of(a, b, one, other)
        alike = agreement_of(first, second) if by == "content" else None
        if alike is not None:
            pairs.append({"a": names[k], "b": names[j], **alike.as_dict()})
    return {"models": names, "pairs": pairs}


def matrix_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the matrix as lines of the console."""
    names = found["models"]
    values = {(pair["a"], pair["b"]): percent(pair["value"]) for pair in found["pairs"]}
    widest = max(map(len, names)) + 3
    lines = [f"Share of frames with another answer, {len(names)} models:"]
    header = "".join(f"{f'[{k + 1}]':>{WIDTH}}" for k in range(len(names)))
    lines.append(" " * (widest + 6) + header)
    for k, name in enumerate(names):
        cells = [values.get((other, name)) or values.get((name, other)) or "-" for other in names]
        row = "".join(
            f"{cell if name != other else '':>{WIDTH}}"
            for cell, other in zip(cells, names, strict=True)
        )
        lines.append(f"  [{k + 1}] {name:{widest}}{row}")
    return lines
