"""Which part each item of a run shows, so that all passes of one part count as one independent unit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def with_parts(table: pd.DataFrame, parts: Mapping[str, str]) -> pd.DataFrame:
    """Rows with the part that their item shows, "" where unknown; as they are where no part is known."""
    return table.assign(part=table["item"].map(parts).fillna("")) if parts else table
