"""The raw tables that a unit may read: those of the stages that its own one needs, of the same segment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from vidrobust.models.predict import Model
from vidrobust.pipeline.keys import unit_key
from vidrobust.pipeline.segments import Segment
from vidrobust.pipeline.stage import FootageStage
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache


def _needed_table(
    cache: UnitCache,
    stage: FootageStage,
    segment: Segment,
    settings: Settings,
    model: Model | None,
    table: str,
) -> pd.DataFrame | None:
    """A raw table of a stage that ``stage`` needs, of this segment and model; None where it was not made."""
    for needed in stage.needs:
        if isinstance(needed, FootageStage) and table in needed.unit_tables:
            of = model if needed.per == "model" else None
            if needed.per == "model" and model is None:
                return None
            key = unit_key(needed, segment.content, settings, of)
            return cache.read(needed, key, table, segment.item.name) if cache.has(needed, key) else None
    return None


def reader_of_needed(
    cache: UnitCache, stage: FootageStage, segment: Segment, settings: Settings, models: Mapping[str, Model]
) -> Callable[[str, str], pd.DataFrame | None]:
    """(model, table) -> that raw table of a stage that ``stage`` needs, of one segment; None where there is none.

    models  by name, those of the run
    """

    def read(model: str, table: str) -> pd.DataFrame | None:
        return _needed_table(cache, stage, segment, settings, models.get(model), table)

    return read
