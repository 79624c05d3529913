"""Studies, flip rates of clips, and comparisons, from Python."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import pandas as pd

from vidrobust.api.models_given import GivenModel, Transform, models_of
from vidrobust.api.run import Run
from vidrobust.errors import InputError, SettingsError
from vidrobust.files.names import file_name, readable_name
from vidrobust.finished_runs.comparison import MARGIN, comparison
from vidrobust.footage.expand import expand_sources
from vidrobust.metrics.catalogue import find_metric, metrics_of
from vidrobust.models.load import load_model
from vidrobust.models.predict import predict_footage
from vidrobust.pipeline.build import build
from vidrobust.pipeline.inputs import open_item
from vidrobust.pipeline.open import folder_of, opened_sources
from vidrobust.pipeline.progress import TABLES, WHOLE, Counter, Reporter
from vidrobust.run_folder.folder import RECORDINGS
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.phrases import among


@dataclass(frozen=True)
class Progress:
    """One step of a run."""

    title: str = ""  # the piece of work, such as "clip: causes"
    # What is done of it, and what is counted; total is None if unknown.
    done: int = 0
    total: int | None = None
    unit: str = ""
    message: str = ""  # what the run said, in place of a count
    # Share of the whole study that is done, and seconds left; None if no footage is ahead.
    share: float | None = None
    left_s: float | None = None


class CallbackReporter(Reporter):
    def __init__(self, callback: Callable[[Progress], None]) -> None:
        super().__init__(quiet=True)
        self._callback = callback

    def say(self, text: str) -> None:
        self._emit(Progress(message=text))

    def warn(self, text: str) -> None:
        self._emit(Progress(message=text))

    @property
    def foresees(self) -> bool:
        return True

    def moved(self, unit: str, count: int = 1) -> None:
        if self._whole is not None and self._whole.advance(unit, count) and unit == TABLES:
            self._emit(Progress(title=WHOLE))

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Report nothing: the callback is called by the thread of ``study`` alone."""
        yield

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        counter = _CallbackCounter(title, unit, None, None, self.moved, total)
        counter.emit = self._emit
        return counter

    def _emit(self, step: Progress) -> None:
        if self._whole is not None:
            step = replace(step, share=self._whole.share, left_s=self._whole.left_s())
        self._callback(step)


class _CallbackCounter(Counter):
    emit: Callable[[Progress], None]

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        self.emit(Progress(self.title, self.done, self.total, self.unit))


EXPECTED = "expected uint8 RGB frames: an array (T, H, W, 3) or (T, 3, H, W), or one frame (H, W, 3) after the other"


def write_frames(frames: Any, folder: Path, name: str, frame_rate: float) -> Path:
    """Write frames without loss as ``folder/NAME-HASH.mkv`` (FFV1 in RGB), and return its path.

    ``frames`` is uint8 RGB, (T, H, W, 3) or (T, 3, H, W), or an iterable of frames (H, W, 3). By its hash a
    repeated call finds the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{name}.mkv.part"
    digest, shape = hashlib.sha256(f"{frame_rate}".encode()), (0, 0)
    with av.open(str(beside), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=Fraction(frame_rate).limit_denominator(100_000))
        for number, frame in enumerate(_frames(frames, name)):
            if not number:
                shape = frame.shape[:2]
                stream.height, stream.width, stream.pix_fmt = *shape, "bgr0"
            if frame.shape[:2] != shape:
                raise SettingsError(
                    f"{name}: frame {number} is {frame.shape[1]} x {frame.shape[0]} px, the first one "
                    f"{shape[1]} x {shape[0]}; give frames of one size, or several sources"
                )
            digest.update(frame.tobytes())
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")
            container.mux(stream.encode(picture))
        if shape == (0, 0):
            beside.unlink(missing_ok=True)
            raise InputError(f"{name}: holds no frame")
        container.mux(stream.encode(None))
    path = folder / f"{name}-{digest.hexdigest()[:12]}.mkv"
    if path.is_file():  # the same frames again: their file stays as it is
        beside.unlink()
    else:
        beside.replace(path)
    return path


def is_array(source: Any) -> bool:
    return hasattr(source, "shape") and hasattr(source, "dtype")


def _frames(frames: Any, name: str) -> Iterator[np.ndarray]:
    pictures: Iterable[Any] = frames
    if is_array(frames):
        if len(frames.shape) != 4:
            raise SettingsError(f"{name}: {EXPECTED}; got an array {tuple(frames.shape)}")
        pictures = (frames[k] for k in range(frames.shape[0]))
    for number, frame in enumerate(pictures):
        yield _frame(frame, f"{name}, frame {number}")


def _frame(frame: Any, where: str) -> np.ndarray:
    array = np.asarray(frame.detach().cpu() if hasattr(frame, "detach") else frame)
    if array.dtype != np.uint8:
        raise SettingsError(f"{where}: {EXPECTED}; got {array.dtype}")
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] != 3:
        raise SettingsError(f"{where}: {EXPECTED}; got shape {array.shape}")
    return np.ascontiguousarray(array)


Path_: TypeAlias = "str | os.PathLike[str]"
# One source. An array or iterator of frames is one clip; a DataFrame is a manifest, a row an item.
Source: TypeAlias = "Path_ | np.ndarray | pd.DataFrame | Iterable[np.ndarray]"
# One source, several, or several by name.
Sources: TypeAlias = "Source | Sequence[Source] | Mapping[str, Source]"
FRAME_RATE = 25.0  # of frames in memory, where nothing is said


def paths_of(sources: Any, folder: Path, frame_rate: float) -> list[str]:
    """Return the sources as paths; those in memory are written into ``folder``."""
    return [_path(name, source, folder, frame_rate) for name, source in _each(sources)]


def _each(sources: Any) -> list[tuple[str, Any]]:
    if isinstance(sources, Mapping):
        return [(str(name), source) for name, source in sources.items()]
    if isinstance(sources, list | tuple) and not (
        sources and all(is_array(source) and len(source.shape) == 3 for source in sources)
    ):
        return [(f"clip-{number}", source) for number, source in enumerate(sources, 1)]
    return [("clip", sources)]


def _path(name: str, source: Any, folder: Path, frame_rate: float) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    if isinstance(source, pd.DataFrame):
        return str(_manifest(source, folder, name))
    if is_array(source) or isinstance(source, Iterable):
        return str(write_frames(source, folder, readable_name(name, "clip"), frame_rate))
    raise SettingsError(
        f"{name}: expected a path, an array or iterator of frames, or a DataFrame with a column path, got "
        f"{type(source).__name__}"
    )


def _manifest(table: pd.DataFrame, folder: Path, name: str) -> Path:
    if "path" not in table.columns:
        raise SettingsError(
            f"{name}: a manifest has a column path; it has {', '.join(map(str, table.columns))}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name(name, 'clip')}.csv"
    table.assign(path=[os.path.abspath(os.fspath(entry)) for entry in table["path"]]).to_csv(
        path, index=False
    )
    return path


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
    """Run every stage, as ``vidrobust study`` does; the same call again continues the run.

    Parameters
    ----------
    sources
        A path; an array (T, H, W, 3) or (T, 3, H, W), uint8 RGB; an iterator of frames (H, W, 3); a DataFrame with
        the columns of a manifest; or a list or dict of these. Frames in memory are written into the run folder.
    models
        Specs as on the command line, torch modules, callables on (N, 3, H, W) uint8 batches, models of the
        protocol; or a list of these.
    out
        The run folder; by default ``reports/NAME``, or a temporary folder for sources in memory.
    settings
        ``Settings(frames=8)`` or ``{"frames": 8}``, named as on the command line.
    stages
        Names of the stages to make, with what they need.
    preprocess, class_names
        Of torch modules (a torchvision transform) and of callables.
    frame_rate
        Of sources in memory.
    progress
        Called at every step.

    Raises
    ------
    SettingsError, InputError
        With the messages of the command line.

    Examples
    --------
    >>> study("clip.mp4", "efficientnet-lite0").verdict  # doctest: +SKIP
    """
    for name in stages:
        if name not in STAGES.names:
            raise SettingsError(
                f"stages: no stage {name!r}{among(name, STAGES.names)}; they are {', '.join(STAGES.names)}"
            )
    chosen = Settings.of(settings)
    specs, loaded = models_of(
        models, preprocess=preprocess, class_names=class_names, device=chosen.device
    )
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


def _folder(sources: Sources, out: str | os.PathLike[str] | None, settings: Settings) -> Path:
    if isinstance(out, str | os.PathLike):
        return Path(out)
    if out is not None:
        raise SettingsError(
            f"out: expected a folder, got {type(out).__name__}; a transform or an image processor goes to "
            "preprocess="
        )
    if any(not isinstance(source, str | os.PathLike) for _, source in _each(sources)):
        return Path(tempfile.mkdtemp(prefix="vidrobust-"))
    paths = paths_of(sources, Path(), FRAME_RATE)
    if not paths:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    return folder_of(dataclasses.replace(settings, sources=tuple(paths)), None)


def flip_rate(
    sources: Sources,
    model: GivenModel,
    *,
    preprocess: Transform | None = None,
    class_names: Sequence[str] | None = None,
    frame_rate: float = FRAME_RATE,
) -> float:
    """Return the share of usable pairs of neighbouring frames whose label flips.

    Sources and models are those of ``study``. Raises InputError without usable pairs, and SettingsError for a
    model whose task has no label flips.

    >>> flip_rate("clip.mp4", "efficientnet-lite0")  # doctest: +SKIP
    """
    from vidrobust.api.stability import NEEDS_PIXELS, StabilityMeter

    specs, made = models_of(model, preprocess=preprocess, class_names=class_names)
    if len(specs) != 1:
        raise SettingsError(
            f"flip_rate: gives one number of one model, got {len(specs)} models; use vidrobust.study or compare"
        )
    loaded, settings = made[0] if made is not None else load_model(specs[0]), Settings()
    if find_metric("flip_rate", loaded.task) is None:
        names = ", ".join(metric.name for metric in metrics_of(loaded.task) if metric.headline)
        raise SettingsError(
            f"flip_rate: a model of the task {loaded.task} has no label flips; use vidrobust.study, which "
            f"measures {names}"
        )
    meter = StabilityMeter(task=loaded.task, settings=settings)
    with tempfile.TemporaryDirectory(prefix="vidrobust-") as folder:
        expanded = expand_sources(paths_of(sources, Path(folder), frame_rate))
        if expanded.problems or not expanded.items:
            raise InputError("; ".join(expanded.problems) or "no source given")
        for item in expanded.items:
            with open_item(item, settings) as source:
                for batch in source.batches(BATCH):
                    answers = predict_footage(loaded, batch)
                    meter.update(
                        answers, batch, item.name, frame_rate=float(source.info.frame_rate)
                    )
    rate = float(meter.compute().get("flip_rate", np.nan))
    if np.isnan(rate):
        why = [reason for reason in meter.missing if reason not in NEEDS_PIXELS]
        raise InputError(f"{expanded.items[0].name}: {'; '.join(why) or 'no label was followed'}")
    return rate


def compare(
    run_a: Run | GivenModel | os.PathLike[str],
    run_b: Run | GivenModel | os.PathLike[str],
    *,
    sources: Sources | None = None,
    model_a: str | None = None,
    model_b: str | None = None,
    margin: float = MARGIN,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare run B with run A: better, worse, same, or cannot tell; as ``vidrobust compare --json``.

    With ``sources``, ``run_a`` and ``run_b`` are models as of ``study``, compared there.
    ``["metrics"][NAME]`` has a, b, difference, low, high and verdict; differences up to the share ``margin``
    of a metric do not matter.
    """
    if sources is not None:
        paths = paths_of(sources, Path(tempfile.mkdtemp(prefix="vidrobust-")), FRAME_RATE)
        folders = (tempfile.mkdtemp(prefix="vidrobust-") for _ in range(2))
        run_a, run_b = (
            study(paths, model, folder, stages=("stability",), overwrite=True)  # type: ignore[arg-type]
            for model, folder in zip((run_a, run_b), folders, strict=True)
        )
    a, b = (run if isinstance(run, Run) else Run(run) for run in (run_a, run_b))  # type: ignore[arg-type]
    return comparison().compare(
        a.folder, b.folder, model_a=model_a, model_b=model_b, margin=margin, seed=seed
    )
