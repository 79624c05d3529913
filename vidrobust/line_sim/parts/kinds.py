"""The table of kinds: how a part of each is made, and which defects it can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidrobust.line_sim.parts.board import board
from vidrobust.line_sim.parts.bolt import bolt
from vidrobust.line_sim.parts.bottle import bottle
from vidrobust.line_sim.parts.cap import cap
from vidrobust.line_sim.surface import Surface


@dataclass(frozen=True, kw_only=True)
class Kind:
    """make draws a sound part; defects names those of ``defects.DEFECTS`` that it can have."""

    name: str
    make: Callable[[np.random.Generator], Surface]
    defects: tuple[str, ...]


KINDS = (
    Kind(name="bolt", make=bolt, defects=("rust", "dent", "scratch")),
    Kind(name="cap", make=cap, defects=("crack", "chip", "stain")),
    Kind(name="bottle", make=bottle, defects=("torn", "stain", "dent")),
    Kind(name="board", make=board, defects=("burn", "scratch", "missing")),
)
EMPTY = "empty"
LABELS = (EMPTY, *(name for kind in KINDS for name in (kind.name, f"{kind.name}-defect")))
"""Classes of ``line-classifier``: no whole part in view, or its kind, sound or not."""
BOXES = (*(kind.name for kind in KINDS), "defect")
"""Classes of ``line-detector``."""
