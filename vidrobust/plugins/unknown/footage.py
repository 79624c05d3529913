"""Frames of the footage and of known footage."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.expand import IMAGE_SUFFIXES
from vidrobust.footage.item import Item
from vidrobust.models.predict import auto_batch
from vidrobust.pipeline import inputs
from vidrobust.pipeline.inputs import Inputs
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.unknown.inside import Probe, Readout, joined
from vidrobust.plugins.unknown.settings import UnknownSettings
from vidrobust.run_folder.folder import RunFolder, is_run_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.statistics.clusters import Clusters, clusters_of_rows
from vidrobust.text.phrases import plural
from vidrobust.video.source import VideoSource

DECODED = 16  # Frames decoded at a time
SMALL = 24  # Sides of the tiny pictures by which copies are recognised, px


@dataclass(frozen=True)
class FrameReadouts:
    """What is known of N frames, what each model says of them, tiny grey pictures (N, SMALL * SMALL) uint8."""

    rows: pd.DataFrame
    looked: Mapping[str, Readout]
    small: np.ndarray | None = None

    @property
    def clusters(self) -> Clusters:
        """Which of the frames are independent."""
        return clusters_of_rows(self.rows)


@dataclass(frozen=True, kw_only=True)
class ClipRequest:
    """One clip: how it is opened, its part, and the numbers of the frames asked for."""

    item: str
    part: str
    frames: frozenset[int]
    opened: Callable[[], AbstractContextManager[VideoSource]]
    still: bool = False


@dataclass
class _ReadoutLists:
    rows: list[dict[str, object]] = field(default_factory=list)
    looked: dict[str, list[Readout]] = field(default_factory=dict)
    small: list[np.ndarray] = field(default_factory=list)


def ask(
    looks: Mapping[str, Probe], clips: Sequence[ClipRequest], done: Callable[[int], None]
) -> FrameReadouts:
    """Every network on every frame that is wanted, in the order of the clips."""
    gathered = _ReadoutLists()
    for clip in clips:
        with clip.opened() as source:
            for pixels, frames, times in _chunks(source, clip.frames):
                for name, look in looks.items():
                    gathered.looked.setdefault(name, []).append(look.frames(pixels))
                for frame, time_s in zip(frames, times, strict=True):
                    at = {
                        "item": clip.item,
                        "frame": frame,
                        "time_s": time_s,
                        "part": clip.part,
                        "still": clip.still,
                    }
                    gathered.rows.append(at)
                if clip.still:
                    gathered.small.append(tiny(pixels))
                done(len(frames))
    rows = pd.DataFrame(gathered.rows, columns=["item", "frame", "time_s", "part", "still"])
    small = (
        np.concatenate(gathered.small)
        if gathered.small and all(clip.still for clip in clips)
        else None
    )
    return FrameReadouts(
        rows, {name: joined(parts) for name, parts in gathered.looked.items()}, small
    )


def tiny(pixels: torch.Tensor) -> np.ndarray:
    """(N, 3, H, W) uint8 frames in grey, SMALL by SMALL px: (N, SMALL * SMALL) uint8."""
    grey = pixels.to(torch.float32).mean(dim=1, keepdim=True)
    small = torch.nn.functional.interpolate(grey, size=(SMALL, SMALL), mode="area")
    rounded: np.ndarray = small.round().to(torch.uint8).reshape(len(pixels), -1).cpu().numpy()
    return rounded


def spread(count: int, most: int) -> np.ndarray:
    """Numbers of at most so many of ``count`` things, evenly over them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.floor((np.arange(most) + 0.5) * count / most).astype(np.int64))


def _chunks(
    source: VideoSource, wanted: frozenset[int]
) -> Iterator[tuple[torch.Tensor, list[int], list[float]]]:
    held: list[tuple[torch.Tensor, int, float]] = []
    left = len(wanted)
    for batch in source.batches(DECODED):
        for row in np.flatnonzero(np.isin(batch.index, list(wanted))):
            picture = batch.pixels[int(row)]
            if held and (
                len(held) == auto_batch(*picture.shape[-2:]) or held[0][0].shape != picture.shape
            ):
                yield _stacked(held)
                held = []
            held.append((picture.clone(), int(batch.index[row]), float(batch.time_s[row])))
            left -= 1
        if left <= 0:
            break
    if held:
        yield _stacked(held)


def _stacked(
    held: list[tuple[torch.Tensor, int, float]],
) -> tuple[torch.Tensor, list[int], list[float]]:
    return (
        torch.stack([each[0] for each in held]),
        [each[1] for each in held],
        [each[2] for each in held],
    )


# Settings of the run by which plain footage is read; a run on known footage has all of its own.
AS_READ = ("device", "backend", "color", "seed")


@dataclass(frozen=True)
class KnownFootage:
    """Clips of one source of known footage, and how they are read."""

    settings: Settings
    found: Inputs

    @property
    def clips(self) -> list[Item]:
        return self.found.readable


def known_of(run: OpenRun) -> list[KnownFootage]:
    """What the setting ``known`` names, runs by their own settings."""
    named = run.settings.of(UnknownSettings).known
    runs = [path for path in named if is_run_folder(Path(path))]
    plain = [path for path in named if path not in runs]
    asked = [RunFolder.existing(Path(path)).settings for path in runs]
    if plain:
        own = {name: getattr(run.settings, name) for name in AS_READ}
        asked.append(Settings().changed({**own, "sources": plain}, "known"))
    found = [KnownFootage(each, inputs.find(each, None, run.reporter)) for each in asked]
    own_content = set(run.inputs.content.values())
    for known in found:
        for item in known.clips:
            if known.found.content[item.name] in own_content:
                text = (
                    f"{item.name}: is part of the footage itself, and is left out of what is known"
                )
                known.found.fail(str(item.path), text, run.reporter)
    if not any(known.clips for known in found):
        raise InputError(
            f"--known: {', '.join(named)}: holds no footage, or only the footage that is asked about"
        )
    return found


def clips_of(sources: Sequence[KnownFootage], most: int, reporter: Reporter) -> list[ClipRequest]:
    """At most so many frames of the known footage, shared evenly by its clips."""
    every = [(known, item) for known in sources for item in known.clips]
    chosen = [every[k] for k in spread(len(every), most)]
    share = max(1, most // len(chosen))
    found = []
    for number, (known, item) in enumerate(chosen):
        name = item.name if len(sources) == 1 else f"{number}: {item.name}"
        try:
            found.append(_wanted(known, item, name, share))
        except InputError as error:
            known.found.fail(str(item.path), str(error), reporter)
    if not found:
        raise InputError(f"--known: none of its {plural(len(chosen), 'clip')} can be read")
    return found


def _wanted(known: KnownFootage, item: Item, name: str, most: int) -> ClipRequest:
    return ClipRequest(
        item=name,
        part=item.part,
        frames=_frames(known, item, most),
        opened=functools.partial(inputs.open_item, item, known.settings),
        still=item.path.is_dir() or item.path.suffix.lower() in IMAGE_SUFFIXES,
    )


def _frames(known: KnownFootage, item: Item, most: int) -> frozenset[int]:
    with inputs.open_item(item, known.settings) as source:
        numbers = _delivered(source, known.settings, item)
    return frozenset(numbers[spread(len(numbers), most)].tolist())


def _delivered(source: VideoSource, settings: Settings, item: Item) -> np.ndarray:
    whole = settings.selection.is_every and inputs.window(item, settings) == (None, None)
    if whole and item.boxes is None and source.info.num_frames:
        return np.arange(source.info.num_frames)
    return np.concatenate(
        [np.zeros(0, np.int64), *(batch.index for batch in source.batches(DECODED))]
    )


def recorded(run: OpenRun, model: str) -> pd.DataFrame:
    """Rows of known footage with recorded answers, for a model that cannot be asked about new pictures."""
    parts = []
    for path in run.settings.of(UnknownSettings).known:
        if not is_run_folder(Path(path)):
            continue
        folder = RunFolder.existing(Path(path))
        frames = folder.table("frames")
        names = list(frames["model"].drop_duplicates())
        if model in names or len(names) == 1:
            parts.append(
                with_parts(
                    frames[frames["model"] == (model if model in names else names[0])], folder
                )
            )
    if not parts:
        raise SettingsError(
            f"model {model}: its answers come from a file; give --known a run on the answers of known footage"
        )
    return pd.concat(parts, ignore_index=True)


def with_parts(frames: pd.DataFrame, folder: RunFolder) -> pd.DataFrame:
    """The rows with the part that their item shows, empty where it is not known."""
    items = folder.table("items")
    parts = dict(zip(items["item"], items["part"], strict=True))
    return frames.assign(part=frames["item"].map(parts).fillna("").astype(str))


NEIGHBOURS = 5  # The k of k nearest neighbours: small, since known footage has hundreds of frames
CHUNK = 256


@dataclass(frozen=True)
class Neighbours:
    """Known features (N, D), each of length 1."""

    known: np.ndarray

    @classmethod
    def fitted(cls, features: np.ndarray) -> Neighbours:
        """From features (N, D) of known frames."""
        return cls(of_length_one(features))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(M,) float64 distances to the k-th nearest known feature (Sun et al., ICML 2022, 2204.06507)."""
        k = min(NEIGHBOURS, len(self.known)) - 1
        parts = [
            np.partition(_distances(of_length_one(part), self.known), k, axis=1)[:, k]
            for part in np.array_split(features, max(1, -(-len(features) // CHUNK)))
        ]
        return np.concatenate(parts)


def of_length_one(features: np.ndarray) -> np.ndarray:
    """(N, D) float64 rows of length 1."""
    x = np.asarray(features, np.float64)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


# Pictures closer to the next one, over the distance to any of their folder, are of a clip
ALIKE = 0.6


COPY = 8  # Pictures are copies of each other where no pixel of their tiny grey ones differs by more, of 255


def independent(known: FrameReadouts, looked: Readout) -> tuple[np.ndarray, Clusters]:
    """Return (N,) clip names of known frames, and which frames are independent."""
    items = known.rows["item"].to_numpy(object).astype(str)
    values = looked.surest[:, None] if looked.features is None else of_length_one(looked.features)
    still = "still" in known.rows and bool(known.rows["still"].all())
    if not still or nearness(values, items) < ALIKE:
        return items, known.clusters
    own = np.arange(len(items)) if known.small is None else copies(known.small)
    return own.astype(str), Clusters(own, "item")


def copies(small: np.ndarray) -> np.ndarray:
    """(N,) int64: the distinct picture of each tiny one (N, P) uint8, from 0 in order of appearance."""
    values = small.astype(np.int16)
    found = np.full(len(values), -1, np.int64)
    number = 0
    for first in range(len(values)):
        if found[first] >= 0:
            continue
        found[first], ahead = number, [first]
        while ahead:
            left = np.flatnonzero(found < 0)
            near = left[np.abs(values[left] - values[ahead.pop()]).max(axis=1, initial=0) <= COPY]
            found[near] = number
            ahead += near.tolist()
        number += 1
    return found


def nearness(values: np.ndarray, items: np.ndarray) -> float:
    """Return the mean distance of (N, D) values to the next of their input over that to any."""
    rng = np.random.default_rng(0)
    after, any_ = 0.0, 0.0
    for item in np.unique(items):
        own = values[items == item]
        after += float(np.linalg.norm(np.diff(own, axis=0), axis=1).sum())
        any_ += float(np.linalg.norm(np.diff(own[rng.permutation(len(own))], axis=0), axis=1).sum())
    return after / any_ if any_ > 0 else 1.0
