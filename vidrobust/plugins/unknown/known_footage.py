"""Known footage: what ``--known`` names becomes clips to ask the networks about, or answers that were recorded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.expand import IMAGE_SUFFIXES
from vidrobust.footage.item import Item
from vidrobust.pipeline import inputs
from vidrobust.pipeline.inputs import Inputs
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.unknown.asked import DECODED, Wanted, spread
from vidrobust.plugins.unknown.settings import UnknownSettings
from vidrobust.run_folder.folder import RunFolder, is_run_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.text.phrases import plural
from vidrobust.video.source import VideoSource

# Settings of the run by which plain footage is read; a run on known footage has all of its own.
AS_READ = ("device", "backend", "color", "seed")


@dataclass(frozen=True)
class Known:
    """Clips of one source of known footage, and how they are read."""

    settings: Settings
    found: Inputs

    @property
    def clips(self) -> list[Item]:
        return self.found.readable


def known_of(run: OpenRun) -> list[Known]:
    """What the setting ``known`` names, runs by their own settings; InputError where it holds no footage.

    What shows the same pictures as the footage is left out, and said.
    """
    named = run.settings.of(UnknownSettings).known
    runs = [path for path in named if is_run_folder(Path(path))]
    plain = [path for path in named if path not in runs]
    asked = [RunFolder.existing(Path(path)).settings for path in runs]
    if plain:
        own = {name: getattr(run.settings, name) for name in AS_READ}
        asked.append(Settings().changed({**own, "sources": plain}, "known"))
    found = [Known(each, inputs.find(each, None, run.reporter)) for each in asked]
    own_content = set(run.inputs.content.values())
    for known in found:
        for item in known.clips:
            if known.found.content[item.name] in own_content:
                text = f"{item.name}: is part of the footage itself, and is left out of what is known"
                known.found.fail(str(item.path), text, run.reporter)
    if not any(known.clips for known in found):
        raise InputError(
            f"--known: {', '.join(named)}: holds no footage, or only the footage that is asked about"
        )
    return found


def clips_of(sources: Sequence[Known], most: int, reporter: Reporter) -> list[Wanted]:
    """At most so many frames of the known footage, shared evenly by its clips.

    A clip that cannot be read is said and left out; InputError where none can.
    """
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


def _wanted(known: Known, item: Item, name: str, most: int) -> Wanted:
    return Wanted(
        item=name,
        part=item.part,
        frames=_frames(known, item, most),
        opened=functools.partial(inputs.open_item, item, known.settings),
        still=item.path.is_dir() or item.path.suffix.lower() in IMAGE_SUFFIXES,
    )


def _frames(known: Known, item: Item, most: int) -> frozenset[int]:
    """Numbers of so many frames of a clip, evenly over it."""
    with inputs.open_item(item, known.settings) as source:
        numbers = _delivered(source, known.settings, item)
    return frozenset(numbers[spread(len(numbers), most)].tolist())


def _delivered(source: VideoSource, settings: Settings, item: Item) -> np.ndarray:
    """(N,) the numbers of the frames that a source delivers; by its header where all of them are."""
    whole = settings.every == 1 and settings.fps is None and inputs.window(item, settings) == (None, None)
    if whole and item.boxes is None and source.info.num_frames:
        return np.arange(source.info.num_frames)
    return np.concatenate([np.zeros(0, np.int64), *(batch.index for batch in source.batches(DECODED))])


def recorded(run: OpenRun, model: str) -> pd.DataFrame:
    """Return rows of known footage whose answers were recorded, for a model that cannot be asked about new
    pictures.
    """
    parts = []
    for path in run.settings.of(UnknownSettings).known:
        if not is_run_folder(Path(path)):
            continue
        folder = RunFolder.existing(Path(path))
        frames = folder.table("frames")
        names = list(frames["model"].drop_duplicates())
        if model in names or len(names) == 1:
            parts.append(
                with_parts(frames[frames["model"] == (model if model in names else names[0])], folder)
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
