"""Errors and flip rates on the authors' own ImageNet-C, ImageNet-C-bar and ImageNet-P.

AlexNet's figures are of these files, so CE and FR are the published measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.predict import Batch, predict
from vidrobust.plugins.published import corruption_error as ce
from vidrobust.plugins.published import corruptions as memory
from vidrobust.plugins.published.labelled_images import STRENGTHS, LabelledImages, Layout
from vidrobust.plugins.published.perturbations import c_bar, imagenet_c
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES
from vidrobust.predictions import Classifier
from vidrobust.text.phrases import plural
from vidrobust.video.source import open_video

C_BAR = tuple(one.name for one in c_bar.PERTURBATIONS)


def suite_of(layout: Layout) -> str:
    """The suite that the files are of; SettingsError where they are of two."""
    names = set(layout.corruptions)
    suites = [
        name
        for name, there in (
            ("imagenet-c", bool(names - set(C_BAR))),
            (c_bar.SUITE, bool(names & set(C_BAR))),
            (memory.FLIP_SUITE, bool(layout.films)),
        )
        if there
    ]
    if len(suites) > 1:
        raise SettingsError(
            f"the folder holds {' and '.join(suites)}; name the folder of one of them"
        )
    return suites[0]


def measure_errors(
    layout: Layout,
    models: Sequence[Classifier],
    *,
    only: Sequence[str] = (),
    clean: LabelledImages | None = None,
    batch: Batch = "auto",
    step: memory.Step | None = None,
    baseline: ce.Baseline | None = None,
) -> dict[str, object]:
    """Return CE, mCE and, with ``clean``, relative CE, as ``corruptions`` does."""
    names, problems = _whole(layout, only)
    cells = {key: _by_key(layout.corrupt[key]) for key in layout.corrupt if key[0] in names}
    cleaned = _by_key(clean) if clean is not None else {}
    parts = [*cells.values(), *([cleaned] if clean is not None else [])]
    keys = _in_all(parts, "image", "corruptions", problems)
    sets, notes = memory.sets_of([cells[names[0], 1][key][1] for key in keys], models)
    shape = (len(keys), len(names), len(STRENGTHS))
    wrong = {model.name: np.zeros(shape, bool) for model in models}
    clean_wrong = {model.name: np.full(len(keys), np.nan) for model in models}
    seen = [memory.without_second_resize(model) for model in models]
    if clean is not None:
        for model, answers in _answers(_ordered(cleaned, keys), seen, sets, batch, None).items():
            clean_wrong[model] = answers.astype(np.float64)
    for c, name in enumerate(names):
        for strength in STRENGTHS:
            images = _ordered(cells[name, strength], keys)
            for model, answers in _answers(images, seen, sets, batch, step).items():
                wrong[model][:, c, strength - 1] = answers
    suite = suite_of(layout)
    chosen = baseline or (ce.NONE if suite == c_bar.SUITE else ce.ALEXNET)
    missing = [n for n in (C_BAR if suite == c_bar.SUITE else imagenet_c.TEST) if n not in names]
    remarks = ["the authors' files, as they are: no second resize where they are 224 px"]
    if missing:
        remarks.append(
            f"the means are over {plural(len(set(names) - set(imagenet_c.VALIDATION)), 'corruption')}: not there "
            f"are {', '.join(missing)}"
        )
    if clean is None:
        remarks.append("relative CE needs the clean images: --clean DIR")
    figures = {
        name: ce.CorruptionErrors(
            names=tuple(names),
            wrong=answers,
            clean_wrong=clean_wrong[name],
            baseline=chosen,
            extra=imagenet_c.VALIDATION,
        )
        for name, answers in wrong.items()
    }
    return memory.summary(suite, len(keys), figures, notes, remarks, problems)


def measure_flips(
    layout: Layout,
    models: Sequence[Classifier],
    *,
    batch: Batch = "auto",
    step: memory.Step | None = None,
    baseline: ce.FlipBaseline | None = None,
) -> dict[str, object]:
    """Return flip probability, mFR and T5D of the authors' films, as ``corruptions`` does."""
    divisor = baseline or ce.ALEXNET_FLIPS
    names = [name for name in SEQUENCES if name in layout.films and name in ce.FLIP_PROBABILITIES]
    problems = [
        f"{name}: AlexNet's flip probability is not known, left out"
        for name in layout.films
        if name not in names
    ]
    if not names:
        raise InputError("no sequence is there of which AlexNet's flip probability is known")
    films = {name: _by_key(layout.films[name]) for name in names}
    keys = _in_all([*films.values()], "film", "sequences", problems)
    sets, notes = memory.sets_of([films[names[0]][key][1] for key in keys], models)
    seen = [memory.without_second_resize(model) for model in models]
    flips = {model.name: np.full((len(keys), len(names)), np.nan) for model in models}
    moved = {model.name: np.full((len(keys), len(names)), np.nan) for model in models}
    clean_wrong = {model.name: np.full(len(keys), np.nan) for model in models}
    for row, key in enumerate(keys):
        for column, name in enumerate(names):
            frames, sequence = _frames(films[name][key][0]), SEQUENCES[name]
            if len(frames) < 2:
                raise InputError(f"{films[name][key][0]}: has {len(frames)} frames; a film has 31")
            for model in seen:
                p, *measured = memory.seen_in(model, frames, sequence.compare, batch)
                flips[model.name][row, column], moved[model.name][row, column] = measured
                at = sequence.clean
                if at is not None and at < len(p) and np.isnan(clean_wrong[model.name][row]):
                    shown = p[at : at + 1]
                    clean_wrong[model.name][row] = float(
                        ~memory.top_correct(shown, [sets[model.name][row]])[0]
                    )
            if step is not None:
                step(1)
    missing = [n for n in ce.FLIP_PROBABILITIES if SEQUENCES[n].scored and n not in names]
    remarks = ["the authors' films, as they are"]
    if missing:
        remarks.append(
            f"the means are over {sum(SEQUENCES[n].scored for n in names)} of the ten: not there are "
            f"{', '.join(missing)}"
        )
    scored = np.array([SEQUENCES[name].scored for name in names])
    figures = {
        name: ce.FlipRates(
            names=tuple(names),
            flips=rates,
            top5_distance=moved[name],
            scored=scored if scored.any() else np.ones(len(names), bool),
            clean_wrong=clean_wrong[name],
            baseline=divisor,
        )
        for name, rates in flips.items()
    }
    return memory.summary(memory.FLIP_SUITE, len(keys), figures, notes, remarks, problems)


def cells_of(layout: Layout, only: Sequence[str] = ()) -> int:
    """Number of pictures or films to look at."""
    if layout.films:
        return sum(len(f) for name, f in layout.films.items() if name in ce.FLIP_PROBABILITIES)
    return sum(
        len(images) for (name, _), images in layout.corrupt.items() if not only or name in only
    )


def _whole(layout: Layout, only: Sequence[str]) -> tuple[list[str], list[str]]:
    for name in only:
        if name not in layout.corruptions:
            there = ", ".join(layout.corruptions)
            raise SettingsError(f"corruption: {name!r} is not in the folder; there are {there}")
    asked = [name for name in layout.corruptions if not only or name in only]
    whole = [name for name in asked if all((name, s) in layout.corrupt for s in STRENGTHS)]
    if not whole:
        raise InputError(f"no corruption has all five strengths: {'; '.join(layout.missing())}")
    problems = [f"{text}, and is left out" for text in layout.missing() if text.split()[0] in asked]
    return whole, problems


Keyed = dict[str, tuple[Path, frozenset[str]]]


def _by_key(files: LabelledImages) -> Keyed:
    pairs = zip(files.paths, files.labels, strict=True)
    return {f"{path.parent.name}/{path.stem}": (path, label) for path, label in pairs}


def _in_all(parts: Sequence[Keyed], what: str, of: str, problems: list[str]) -> list[str]:
    keys = sorted(set.intersection(*map(set, parts)))
    if not keys:
        raise InputError(f"the folders of the {of} have no {what} in common, by CLASS/NAME")
    if left_out := len(set.union(*map(set, parts))) - len(keys):
        problems.append(f"{left_out} {what}s are not there in every folder, and are left out")
    return keys


def _ordered(cell: Keyed, keys: Sequence[str]) -> LabelledImages:
    return LabelledImages(tuple(cell[key][0] for key in keys), tuple(cell[key][1] for key in keys))


def _answers(
    images: LabelledImages,
    models: Sequence[Classifier],
    sets: Mapping[str, list[frozenset[int]]],
    batch: Batch,
    step: memory.Step | None,
) -> dict[str, np.ndarray]:
    wrong = {model.name: np.zeros(len(images), bool) for model in models}
    for numbers, pixels, _ in memory.chunks(images, memory.crop_224):
        for model in models:
            right = [sets[model.name][k] for k in numbers]
            wrong[model.name][numbers] = ~memory.top_correct(
                predict(model, pixels, batch).probabilities, right
            )
        if step is not None:
            step(len(numbers))
    if images.problems:
        raise InputError(f"{images.problems[0]}; remove it, and it is left out of every folder")
    return wrong


def _frames(path: Path) -> torch.Tensor:
    with open_video(path, prefetch=0) as film:
        return torch.stack(
            [
                memory.crop_224(one.cpu())
                for batch in film.batches(memory.CHUNK)
                for one in batch.pixels
            ]
        )
