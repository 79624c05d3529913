"""Data sets of the field in a folder that was downloaded: what is there, what is missing, what comes next."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Sequence
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.expand import images_in
from vidrobust.models.classes import imagenet_wnids
from vidrobust.plugins.published.alexnet import FLIP_PROBABILITIES
from vidrobust.plugins.published.data_set_names import DataSet
from vidrobust.plugins.published.image_layouts import STRENGTHS, read_layout
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.plugins.published.video_sets import (
    Checked,
    check_vid_robust,
    check_youtube_bb,
    check_ytbb_robust,
)
from vidrobust.text.printable import printable

# Images of the validation set: of each corruption and strength, and films of each sequence, there are as
# many.
IMAGENET_VAL = 50_000
MOT17 = ("02", "04", "05", "09", "10", "11", "13")
# Videos of MOT17's training set, and their frames; each is there once for each of three detectors.
MOT17_FRAMES = 5316


def check_imagenet(folder: Path) -> Checked:
    """The validation set, a folder a class: CLASS/*.JPEG; a manifest with a still a row."""
    plain = read_layout(folder).plain
    if plain is None:
        raise InputError(f"{printable(folder)}: holds corrupted images; give imagenet-c or imagenet-p")
    named = [next(iter(label)) for label in plain.labels]
    classes = set(named)
    known = imagenet_wnids()
    wrong = sorted(classes - set(known))
    lacking = len(known) - len(classes & set(known))
    missing = [f"{lacking} of {len(known)} class folders are not there"] if lacking else []
    missing += [f"{name} is no class of ImageNet's challenge" for name in wrong]
    rows = tuple(
        (str(path.relative_to(folder)), "", str(known.get(name, name)))
        for path, name in zip(plain.paths, named, strict=True)
    )
    return Checked(
        counts={"classes": (len(classes & set(known)), len(known)), "images": (len(plain), IMAGENET_VAL)},
        missing=tuple(missing),
        manifest=rows,
        command=f"vidrobust corruptions {folder} --model SPEC",
    )


def check_imagenet_c(folder: Path) -> Checked:
    """[GROUP/]CORRUPTION/STRENGTH/CLASS/*.JPEG."""
    layout = read_layout(folder)
    if not layout.corrupt:
        raise InputError(f"{printable(folder)}: holds no CORRUPTION/STRENGTH/CLASS/*.JPEG of ImageNet-C")
    there = layout.corruptions
    missing = [f"{name} is not there" for name in imagenet_c.TEST if name not in there]
    missing += layout.missing()
    missing += [
        f"{name}/{strength} holds {len(images)} of {IMAGENET_VAL} images"
        for (name, strength), images in layout.corrupt.items()
        if len(images) != IMAGENET_VAL
    ]
    cells = sum(name in imagenet_c.TEST for name, _ in layout.corrupt)
    return Checked(
        counts={
            "corruptions that count": (sum(n in imagenet_c.TEST for n in there), len(imagenet_c.TEST)),
            "corruptions and strengths": (cells, len(imagenet_c.TEST) * len(STRENGTHS)),
        },
        missing=tuple(missing),
        manifest=(),
        command=f"vidrobust corruptions {folder} --clean VALIDATION_IMAGES --model SPEC",
    )


def check_imagenet_p(folder: Path) -> Checked:
    """[GROUP/]SEQUENCE/CLASS/*.mp4."""
    layout = read_layout(folder)
    if not layout.films:
        raise InputError(f"{printable(folder)}: holds no SEQUENCE/CLASS/*.mp4 of ImageNet-P")
    missing = [f"{name} is not there" for name in FLIP_PROBABILITIES if name not in layout.films]
    missing += [
        f"{name} holds {len(films.paths)} of {IMAGENET_VAL} films"
        for name, films in layout.films.items()
        if len(films.paths) != IMAGENET_VAL
    ]
    return Checked(
        counts={"sequences": (sum(n in layout.films for n in FLIP_PROBABILITIES), len(FLIP_PROBABILITIES))},
        missing=tuple(missing),
        manifest=(),
        command=f"vidrobust corruptions {folder} --model SPEC",
    )


def check_mot17(folder: Path) -> Checked:
    """train/MOT17-NN-DETECTOR/{img1,gt,seqinfo.ini}; a manifest with each video once."""
    train = folder / "train" if (folder / "train").is_dir() else folder
    sequences = sorted(p for p in train.iterdir() if p.is_dir() and p.name.startswith("MOT17-"))
    if not sequences:
        raise InputError(f"{printable(folder)}: holds no MOT17-NN-DETECTOR, nor has its folder train")
    first = {path.name.split("-")[1]: path for path in reversed(sequences)}
    missing = [f"sequence MOT17-{number}" for number in MOT17 if number not in first]
    frames, rows = 0, []
    for number, path in sorted(first.items()):
        there = len(images_in(path / "img1")) if (path / "img1").is_dir() else 0
        length = _length(path / "seqinfo.ini")
        if length is None:
            missing.append(f"{path.name}/seqinfo.ini with seqLength")
        elif there != length:
            missing.append(f"{path.name}/img1 holds {there} of {length} frames")
        if not (path / "gt" / "gt.txt").is_file():
            missing.append(f"{path.name}/gt/gt.txt")
        if there:
            frames += there if number in MOT17 else 0
            rows.append((str((path / "img1").relative_to(folder)), path.name, ""))
    labels = train / sequences[0].name / "gt" / "gt.txt"
    return Checked(
        counts={"videos": (sum(n in first for n in MOT17), len(MOT17)), "frames": (frames, MOT17_FRAMES)},
        missing=tuple(missing),
        manifest=tuple(rows),
        command=f"vidrobust stability {labels.parent.parent / 'img1'} --labels {labels} --model SPEC",
    )


def _length(path: Path) -> int | None:
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        return parser.getint("Sequence", "seqLength")
    except (configparser.Error, ValueError, OSError):
        return None


# The data sets by name.
DATA_SETS: dict[DataSet, Callable[[Path], Checked]] = {
    DataSet.IMAGENET: check_imagenet,
    DataSet.IMAGENET_C: check_imagenet_c,
    DataSet.IMAGENET_P: check_imagenet_p,
    DataSet.YOUTUBE_BB: check_youtube_bb,
    DataSet.VID_ROBUST: check_vid_robust,
    DataSet.YTBB_ROBUST: check_ytbb_robust,
    DataSet.MOT17: check_mot17,
}


def lines(found: Checked, most: int = 20) -> Sequence[str]:
    """What the command prints."""
    printed = [f"{what}: {there} of {published}" for what, (there, published) in found.counts.items()]
    printed += [f"  ! {each}" for each in found.missing[:most]]
    if len(found.missing) > most:
        printed.append(f"  ! and {len(found.missing) - most} more")
    return [*printed, *found.notes, f"next: {found.command}"]
