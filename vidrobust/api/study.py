"""A whole study, one number of a clip, and a comparison, from Python."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.api.frames_given import is_array
from vidrobust.api.models_given import GivenModel, Transform, models_of
from vidrobust.api.progress import CallbackReporter, Progress
from vidrobust.api.run import Run
from vidrobust.api.sources_given import FRAME_RATE, Sources, in_memory, paths_of
from vidrobust.changes.transitions import PairWatcher
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.compare_runs import compare_runs
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.task import AlongTime
from vidrobust.models.load import load_model
from vidrobust.models.predict import predict_footage
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import folder_of, opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.repeatability.compare import MARGIN
from vidrobust.run_folder.folder import RECORDINGS
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.suggestions import among
from vidrobust.video.source import open_video

BATCH = 32


def study(
    sources: Sources,
    models: GivenModel | Sequence[GivenModel],
    out: str | os.PathLike[str] | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    stages: Sequence[str] = STAGES.studied,
    preprocess: Transform | None = None,
    class_names: Sequence[str] | None = None,
    frame_rate: float = FRAME_RATE,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Run every stage, as ``vidrobust study`` does; the same call again continues it.

    sources     a path, an array (T, H, W, 3) or (T, 3, H, W) of uint8 RGB, an iterator of frames (H, W, 3), a
                DataFrame with the columns of a manifest; or a list of these, or a dict of them by name. What is in
                memory is written into the run folder without loss
    models      specs as on the command line, torch modules, callables on (N, 3, H, W) uint8 batches, models of the
                protocol; or a list of these
    out         the run folder; by default ``reports/NAME`` of the first source, and for sources in memory a new
                temporary folder
    settings    ``Settings(frames=8)`` or ``{"frames": 8}``: named as the options of the command line
    stages      which, with what they need; all by default
    preprocess  of torch modules: a torchvision transform, from a frame to the network's input
    class_names  of torch modules and callables
    frame_rate  of sources in memory
    progress    called with every step: what is counted, the share of the whole that is done, the time that is left

    Raises SettingsError and InputError, with the sentences of the command line.

    >>> study("clip.mp4", "efficientnet-lite0").verdict  # doctest: +SKIP
    """
    _check_stages(stages)
    chosen = _settings(settings)
    specs, loaded = models_of(models, preprocess=preprocess, class_names=class_names, device=chosen.device)
    if loaded is not None and ((chosen.workers or 1) > 1 or chosen.cluster):
        raise SettingsError(
            "workers, cluster: models given as objects run in one process; give specs for several"
        )
    chosen = chosen.changed({"model": specs}, "study")
    folder = _folder(sources, out, chosen)
    paths = paths_of(sources, folder / RECORDINGS, frame_rate)
    chosen = chosen.changed({"sources": paths}, "study")
    reporter = Reporter(quiet=True) if progress is None else CallbackReporter(progress)
    with opened_sources(chosen, str(folder), reporter, overwrite=overwrite, models=loaded) as run:
        build(run, STAGES, stages)
    return Run(folder)


def _check_stages(stages: Sequence[str]) -> None:
    for name in stages:
        if name not in STAGES.names:
            raise SettingsError(
                f"stages: no stage {name!r}{among(name, STAGES.names)}; they are {', '.join(STAGES.names)}"
            )


def _settings(given: Settings | Mapping[str, Any] | None) -> Settings:
    return given if isinstance(given, Settings) else Settings().changed(dict(given or {}), "settings")


def _folder(sources: Sources, out: str | os.PathLike[str] | None, settings: Settings) -> Path:
    if out is not None:
        return Path(out)
    if in_memory(sources):
        return Path(tempfile.mkdtemp(prefix="vidrobust-"))
    paths = paths_of(sources, Path(), FRAME_RATE)
    if not paths:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    return folder_of(dataclasses.replace(settings, sources=tuple(paths)), None)


def flip_rate(
    video: str | os.PathLike[str] | np.ndarray,
    model: GivenModel,
    *,
    preprocess: Transform | None = None,
    frame_rate: float = FRAME_RATE,
) -> float:
    """The share of usable pairs of neighbouring frames whose label flips (``flip_rate`` of the stability table).

    video  a path, or an array of frames as ``study`` takes it; then ``frame_rate`` counts. model  as for ``study``
    Raises InputError where no pair of neighbours may be compared.

    >>> flip_rate("clip.mp4", "efficientnet-lite0")  # doctest: +SKIP
    """
    specs, made = models_of(model, preprocess=preprocess)
    loaded = made[0] if made is not None else load_model(specs[0])
    if isinstance(video, np.ndarray) or is_array(video):
        with tempfile.TemporaryDirectory(prefix="vidrobust-") as folder:
            return flip_rate(paths_of(video, Path(folder), frame_rate)[0], loaded)
    metrics = metrics_of(loaded.task)
    wanted = next(metric for metric in metrics if metric.name == "flip_rate")
    with open_video(os.fspath(video)) as source:
        along = AlongTime(frame_rate=float(source.info.frame_rate))
        meter = task_of(loaded.task).meter(str(video), loaded.name, along, metrics)
        watcher = PairWatcher(motion_limit=along.motion_limit)
        for batch in source.batches(BATCH):
            meter.feed(batch, watcher.feed(batch), predict_footage(loaded, batch))
    counted = wanted.values(meter.finish()[wanted.table])
    if not len(counted):
        raise InputError(f"{video}: has no two neighbouring frames that may be compared")
    return float(counted[wanted.column].mean())


def compare(
    run_a: Run | str | os.PathLike[str],
    run_b: Run | str | os.PathLike[str],
    *,
    model_a: str | None = None,
    model_b: str | None = None,
    margin: float = MARGIN,
    seed: int = 0,
) -> dict[str, Any]:
    """Is run B better than run A, worse, the same, or can it not be said: as ``vidrobust compare --json`` says it.

    ``["metrics"][NAME]`` has a, b, difference, low, high and verdict (of B against A). margin: differences up to
    this share do not matter.
    """
    a, b = (each if isinstance(each, Run) else Run(each) for each in (run_a, run_b))
    return compare_runs(a.folder, b.folder, model_a=model_a, model_b=model_b, margin=margin, seed=seed)
