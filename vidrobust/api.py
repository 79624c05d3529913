"""From Python: a whole study, one number of a clip, and the tables of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.changes.transitions import PairWatcher
from vidrobust.errors import InputError
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.task import AlongTime
from vidrobust.models.load import load_model
from vidrobust.models.predict import Model, predict_footage
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.video.source import open_video

BATCH = 32
Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class LoadedRun:
    """A finished run: ``tables`` by name on first use, ``metrics``, ``policy``, ``settings``."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.path = folder.path

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run; InputError where its stage has not run."""
        return self.folder.table(name)

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: ``["models"][NAME][METRIC]`` with value, low, high, n."""
        return self.folder.read_json("metrics.json")

    @property
    def policy(self) -> dict[str, Any]:
        """policy.json of the first model."""
        return self.folder.read_json("policy.json")

    @property
    def settings(self) -> Settings:
        return self.folder.settings


def study(
    sources: Sources,
    model: str | Sequence[str],
    *,
    out: str | os.PathLike[str] | None = None,
    stages: Sequence[str] = STAGES.names,
    overwrite: bool = False,
    quiet: bool = True,
    settings: Settings | None = None,
) -> LoadedRun:
    """Run every stage, as ``vidrobust study`` does, and load the result.

    settings  all other choices; ``Settings(frames=8)``
    The same call again continues the run. Raises SettingsError and InputError.

    >>> study("clip.mp4", "efficientnet-lite0").metrics["models"]  # doctest: +SKIP
    """
    many = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    specs = [model] if isinstance(model, str) else list(model)
    chosen = (settings or Settings()).changed(
        {"sources": [os.fspath(source) for source in many], "model": specs}, "study"
    )
    where = None if out is None else os.fspath(out)
    with opened_sources(chosen, where, Reporter(quiet=quiet), overwrite=overwrite) as run:
        build(run, STAGES, stages)
        return LoadedRun(run.folder)


def flip_rate(video: str | os.PathLike[str], model: str | Model) -> float:
    """The share of usable pairs of neighbouring frames whose label flips (``flip_rate`` of the stability table).

    Raises InputError where no pair of neighbours may be compared.

    >>> flip_rate("clip.mp4", "efficientnet-lite0")  # doctest: +SKIP
    """
    loaded = load_model(model) if isinstance(model, str) else model
    metrics = metrics_of(loaded.task)
    wanted = next(metric for metric in metrics if metric.name == "flip_rate")
    with open_video(video) as source:
        along = AlongTime(frame_rate=float(source.info.frame_rate))
        meter = task_of(loaded.task).meter(str(video), loaded.name, along, metrics)
        watcher = PairWatcher(motion_limit=along.motion_limit)
        for batch in source.batches(BATCH):
            meter.feed(batch, watcher.feed(batch), predict_footage(loaded, batch))
    counted = wanted.values(meter.finish()[wanted.table])
    if not len(counted):
        raise InputError(f"{video}: has no two neighbouring frames that may be compared")
    return float(counted[wanted.column].mean())


def load_run(path: str | os.PathLike[str]) -> LoadedRun:
    """A run folder, to read its tables; InputError where it is none."""
    return LoadedRun(RunFolder.existing(Path(path)))
