"""The stage ``unknown``: how much of the footage lies outside what a classifier was trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import Run
    from vidrobust.run_folder.settings import Settings


def _make(run: Run) -> None:
    from vidrobust.plugins.unknown.make import make

    make(run)


def _reads(settings: Settings) -> Any:
    """Sizes and times of change of the files of known footage; None where there is none."""
    from vidrobust.plugins.unknown.changed import state_of

    return state_of(settings.known) if settings.known else None


def _as_json(run: Run) -> Any:
    """The sentences and frames of unknown.json, and the rows of the two tables behind them."""
    found = run.folder.read_json("unknown.json")
    return {**found, "scores": run.folder.rows("unknown"), "links": run.folder.rows("unknown_links")}


UNKNOWN = TableStage(
    name="unknown",
    sentence="How much of the footage lies outside what the models were trained for, and are they unstable there?",
    version=2,
    needs=(STABILITY,),
    settings=(
        *FOOTAGE,
        "known",
        "false_alarms",
        "scored_frames",
        "pictures",
        "labels",
        "label_offset",
        "class_map",
    ),
    tables=("unknown", "unknown_links", "unknown_frames"),
    files=("unknown.json",),
    make=_make,
    reads=_reads,
    as_json=_as_json,
)
