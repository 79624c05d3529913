"""Real pictures at hand: frames of clips of a corpus and of the repository, photographs of packages, a folder."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vidrobust.frames.pixels import resize
from vidrobust.video.source import open_video

MEDIA = Path(__file__).parents[2] / "tests" / "footage_media"
OWN = (
    "bunny.webm",
    "nasa.mp4",
    "av1.mkv",
    "line-flour-bags.gif",
    "line-bolt.gif",
    "line-fruit.gif",
)
"""Clips of the repository that are no part of a clip of the corpus, but for two of the line's."""
STILLS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "ihc.png",
)
"""Colour photographs that scikit-image brings along."""
SHORTER = 384
"""Shorter side that larger pictures are brought to: about that of ImageNet's files."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture (3, H, W) uint8 RGB, and the clip or photograph that it is of."""

    source: str
    frame: int
    pixels: torch.Tensor

    @property
    def key(self) -> str:
        return hashlib.sha256(self.pixels.numpy().tobytes()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip: its file, and the frames that show its object, or all."""

    path: Path
    first: int
    last: int

    @property
    def name(self) -> str:
        return self.path.stem


def clips(corpus: Path) -> list[Clip]:
    """The clips of clip_labels.csv that have a class of ImageNet and frames that show it, then all others."""
    with (corpus / "clip_labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = [
        Clip(path=corpus / row["file"], first=int(row["first_frame"]), last=int(row["last_frame"]))
        for row in rows
        if row["acceptable_imagenet_indices"] and row["first_frame"]
    ]
    known = {clip.name for clip in found}
    for path in _clips(corpus):
        if path.stem not in known:
            with open_video(path, device="cpu", prefetch=0) as source:
                length = source.info.num_frames or sum(
                    len(batch.index) for batch in source.batches(64)
                )
            found.append(Clip(path=path, first=0, last=length - 1))
    return found


def classes(said: str) -> list[int]:
    """Indices of "281;282" or "151-268".

    >>> classes("3-5;9")
    [3, 4, 5, 9]
    """
    found: list[int] = []
    for part in said.split(";"):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def pictures(corpus: Path | None, of_each: int = 2) -> list[Picture]:
    """Evenly spread frames of every clip, and the photographs, their shorter side at most SHORTER px."""
    found = [p for path in _clips(corpus) for p in frames_of(path, of_each)]
    return [*found, *_stills()]


def _clips(corpus: Path | None) -> list[Path]:
    own = [MEDIA / name for name in OWN]
    if corpus is None:
        return own
    there = [p for folder in ("objects", "factory") for p in sorted((corpus / folder).iterdir())]
    alike = {
        "mdn_flower.webm",
        "intel_preview_bolt-multi-size-detection.gif",
        "flour_bag_conveyor_output.gif",
    }
    return [*own, *(p for p in there if p.name not in alike and "fruit" not in p.name)]


def drawn(folder: Path, seed: int = 0) -> list[Path]:
    """The files of a folder in an order drawn once."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [files[k] for k in np.random.default_rng(seed).permutation(len(files))]


def loaded(files: Sequence[Path | Picture]) -> list[Picture]:
    """Pictures of files, their shorter side at most SHORTER px; a picture as it is."""
    found = []
    for each in files:
        if isinstance(each, Picture):
            found.append(each)
            continue
        with Image.open(each) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        found.append(Picture(source=each.stem, frame=0, pixels=smaller(pixels.contiguous())))
    return found


def frames_of(path: Path, count: int) -> list[Picture]:
    """So many frames of a clip, evenly spread, without its ends."""
    with open_video(path, device="cpu", prefetch=0) as source:
        batches = list(source.batches(64)) if source.info.num_frames is None else []
        length = source.info.num_frames or sum(len(batch.index) for batch in batches)
        at = np.linspace(0, length - 1, count + 2).astype(int)[1:-1]
        shown = source.at([int(k) for k in at])
    return [
        Picture(source=path.stem, frame=int(k), pixels=smaller(pixels))
        for k, pixels in zip(at, shown.pixels, strict=True)
    ]


def smaller(pixels: torch.Tensor) -> torch.Tensor:
    """The picture with a shorter side of at most SHORTER px."""
    return (
        resize(pixels, (SHORTER,)).contiguous()
        if min(pixels.shape[1:]) > SHORTER
        else pixels.contiguous()
    )


def _stills() -> Iterator[Picture]:
    package = find_spec("skimage")
    if package is None or package.origin is None:
        return
    folder = Path(package.origin).parent / "data"
    yield from loaded([path for name in STILLS if (path := folder / name).is_file()])
