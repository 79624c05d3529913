"""Which part each item of a run shows, so that all passes of one part count as one independent unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def parts_of(run: Mapping[str, Any]) -> dict[str, str]:
    """The part of each item whose manifest names one, from the content of run.json."""
    inputs = run.get("inputs", [])
    return {str(entry["item"]): str(entry["part"]) for entry in inputs if entry.get("part")}


def with_parts(table: pd.DataFrame, parts: Mapping[str, str]) -> pd.DataFrame:
    """Rows with the part that their item shows, "" where unknown; as they are where no part is known."""
    return table.assign(part=table["item"].map(parts).fillna("")) if parts else table
