"""The corruption suites on a folder of labelled images, streamed.

A picture's shorter side is made 256 px, its centre cut to 224 px, then it is corrupted: ImageNet-C is defined
on 224 px crops. Corrupting the full picture, or resizing a corrupted crop, gives other numbers (AlexNet 102.3
instead of 100).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as v2

from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.class_differences import top1_flip, top5_distance
from vidrobust.models.classes import sets_for
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Batch, predict
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.plugins.published import corruption_error as ce
from vidrobust.plugins.published.labelled_images import LabelledImages, pictures
from vidrobust.plugins.published.perturbations import c_bar, imagenet_c
from vidrobust.plugins.published.perturbations.bit_exact import exact, ice_photographs
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES, Compare, compared_pairs
from vidrobust.plugins.published.perturbations.small_c import SIDES_PX
from vidrobust.predictions import Classifications, Classifier

# The shorter side and the crop on which ImageNet-C and -P are defined.
RESIZED_PX, CROP_PX = 256, 224
CHUNK = 16  # Pictures in memory at once

# Wording how many pictures are done.
Step = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A set of corruptions for error rates."""

    name: str
    perturbations: tuple[Perturbation, ...]
    baseline: ce.Baseline
    prepare: Callable[[torch.Tensor], torch.Tensor]
    notes: tuple[str, ...] = ()
    extra: tuple[Perturbation, ...] = ()

    def of(self, names: Sequence[str]) -> Suite:
        """With these alone, in the order of the suite; all that count where none is named. SettingsError."""
        if not names:
            return dataclasses.replace(self, extra=())
        every = (*self.perturbations, *self.extra)
        known = [entry.name for entry in every]
        for name in names:
            if name not in known:
                raise SettingsError(
                    f"corruption: {name!r} is none of {self.name}: {', '.join(known)}"
                )
        return dataclasses.replace(
            self,
            perturbations=tuple(entry for entry in every if entry.name in names),
            extra=tuple(entry for entry in self.extra if entry.name in names),
        )


def crop_224(picture: torch.Tensor) -> torch.Tensor:
    """(3, H, W) uint8 -> (3, 224, 224): shorter side to 256 px, then the centre; 224 x 224 px as they are."""
    if picture.shape[1:] == (CROP_PX, CROP_PX):
        return picture
    return v2.center_crop(resized_256(picture), [CROP_PX, CROP_PX])


def resized_256(picture: torch.Tensor) -> torch.Tensor:
    """Resize (3, H, W) uint8 to a shorter side of 256 px with Pillow."""
    image = Image.fromarray(picture.permute(1, 2, 0).contiguous().cpu().numpy())
    smaller = np.array(v2.resize(image, [RESIZED_PX]))
    return torch.from_numpy(smaller).permute(2, 0, 1).contiguous()


def imagenet_c_suite() -> Suite:
    """The fifteen corruptions that count for mCE."""
    return Suite(
        name="imagenet-c",
        perturbations=tuple(exact(find(f"imagenet-c:{name}")) for name in imagenet_c.TEST),
        baseline=ce.ALEXNET,
        prepare=crop_224,
        extra=tuple(find(f"imagenet-c:{name}") for name in imagenet_c.VALIDATION),
        notes=(
            "corrupted in memory: the authors' files are JPEG of quality 85, which costs models a little more",
            f"elastic_transform is that of the package imagecorruptions, {_ice()}: AlexNet's errors belong to the "
            "authors' own",
        ),
    )


def _ice() -> str:
    if ice_photographs():
        return "and so are the photographs of ice of frost"
    return (
        "and the ice of frost is drawn (with that package installed it is the authors' photographs)"
    )


def c_bar_suite() -> Suite:
    """The ten corruptions of ImageNet-C-bar; errors are not divided."""
    return Suite(
        name=c_bar.SUITE,
        perturbations=c_bar.PERTURBATIONS,
        baseline=ce.NONE,
        prepare=crop_224,
        notes=(
            "mce is the mean error in percent, as the paper reports it: there is no baseline to divide by",
            "corrupted in memory: the authors' files are JPEG of quality 85",
        ),
    )


def _small_suite(name: str, *notes: str) -> Suite:
    side = SIDES_PX[name]

    def prepare(picture: torch.Tensor) -> torch.Tensor:
        if picture.shape[1:] != (side, side):
            size = f"{picture.shape[2]}x{picture.shape[1]}"
            raise InputError(
                f"{name}: a picture of {size} px; the suite is made for {side}x{side}, use imagenet-c"
            )
        return picture

    perturbations = tuple(find(f"{name}:{kind}") for kind in imagenet_c.TEST)
    return Suite(
        name=name, perturbations=perturbations, baseline=ce.NONE, prepare=prepare, notes=notes
    )


# Suites of error rates, by name.
ERROR_SUITES: dict[str, Callable[[], Suite]] = {
    "imagenet-c": imagenet_c_suite,
    c_bar.SUITE: c_bar_suite,
    "cifar-c": lambda: _small_suite(
        "cifar-c",
        "mce is the mean error in percent, as reported for CIFAR: there is no baseline to divide by",
    ),
    "tiny-imagenet-c": lambda: _small_suite(
        "tiny-imagenet-c",
        "mce is the mean error in percent: AlexNet's errors belong to pictures of 224 px",
        "corrupted in memory: the authors' files are JPEG of quality 85, gaussian_noise above all easier",
    ),
}
FLIP_SUITE = "imagenet-p"


def with_extra(only: Sequence[str], suite: str) -> tuple[str, ...]:
    """The corruptions named, or all that count, and the extra ones."""
    chosen = ERROR_SUITES[suite]() if suite in ERROR_SUITES else None
    if chosen is None or not chosen.extra:
        raise SettingsError(f"extra: {suite} has no extra corruptions; imagenet-c has four")
    names = only or tuple(entry.name for entry in chosen.perturbations)
    return (*names, *(entry.name for entry in chosen.extra))


def corruptions(
    images: LabelledImages,
    models: Sequence[Classifier],
    *,
    suite: str = "imagenet-c",
    seed: int = 0,
    batch: Batch = "auto",
    step: Step | None = None,
    baseline: ce.Baseline | ce.FlipBaseline | None = None,
    only: Sequence[str] = (),
) -> dict[str, object]:
    """Measure errors, CE, mCE and relative mCE of models on images."""
    known = (*ERROR_SUITES, FLIP_SUITE)
    if suite not in known:
        raise SettingsError(f"suite: expected one of {', '.join(known)}, got {suite!r}")
    sets, notes = sets_of(images.labels, models)
    seen_as_is = [without_second_resize(model) for model in models]
    rates: Mapping[str, ce.CorruptionErrors | ce.FlipRates]
    more: tuple[str, ...]
    if suite == FLIP_SUITE:
        if only:
            raise SettingsError(
                "corruption: imagenet-p is measured whole; name corruptions of imagenet-c"
            )
        flips = baseline if isinstance(baseline, ce.FlipBaseline) else ce.ALEXNET_FLIPS
        rates = _flips(images, seen_as_is, sets, seed, batch, step, flips)
        undivided = "" if flips.top5_distance else "; T5D is not divided by a baseline"
        more = (_FLIP_NOTE, f"{_SCORED}{undivided}")
    else:
        chosen = ERROR_SUITES[suite]().of(only)
        if isinstance(baseline, ce.Baseline):
            chosen = dataclasses.replace(chosen, baseline=baseline, notes=chosen.notes[-1:])
        rates, more = _errors(chosen, images, seen_as_is, sets, seed, batch, step), chosen.notes
    read = len(images) - len([p for p in images.problems if "cannot be read as an image" in p])
    return summary(suite, read, rates, notes, more, images.problems, images.unlabelled)


def sets_of(
    labels: Sequence[frozenset[str]], models: Sequence[Classifier]
) -> tuple[dict[str, list[frozenset[int]]], dict[str, str]]:
    """By model: the classes that each label may be, and a note on those that it does not have."""
    sets, notes = {}, {}
    for model in models:
        sets[model.name], notes[model.name] = sets_for(labels, model.class_names)
    return sets, notes


def summary(
    suite: str,
    images: int,
    errors: Mapping[str, ce.CorruptionErrors | ce.FlipRates],
    notes: Mapping[str, str],
    said: Sequence[str],
    problems: Sequence[str],
    unlabelled: int = 0,
) -> dict[str, object]:
    """What is printed and written of one suite."""
    models = {
        name: one.summary() | ({"note": notes[name]} if notes[name] else {})
        for name, one in errors.items()
    }
    counts = {"suite": suite, "images": images, "unlabelled": unlabelled}
    return {**counts, "models": models, "notes": list(said), "problems": list(problems)}


_FLIP_NOTE = (
    "frames in memory: the authors' are MP4, whose coding AlexNet's flip probabilities contain"
)
_SCORED = "scored are the ten of the paper, with snow and without spatter"


def without_second_resize(model: Classifier) -> Classifier:
    """The model without cutting, resizing only where it takes another size."""
    if not isinstance(model, NetworkClassifier):
        return model
    whole = dataclasses.replace(model.network.preprocess, crop=1.0, resize_to=None)
    return dataclasses.replace(model, network=dataclasses.replace(model.network, preprocess=whole))


def _errors(
    suite: Suite,
    images: LabelledImages,
    models: Sequence[Classifier],
    sets: dict[str, list[frozenset[int]]],
    seed: int,
    batch: Batch,
    step: Step | None,
) -> dict[str, ce.CorruptionErrors]:
    clean: dict[str, list[np.ndarray]] = {model.name: [] for model in models}
    wrong: dict[str, list[np.ndarray]] = {model.name: [] for model in models}
    strengths = len(suite.perturbations[0].strengths)
    seen: list[int] = []
    for numbers, pixels, keys in chunks(images, suite.prepare):
        seen += numbers
        mine = {m.name: [sets[m.name][k] for k in numbers] for m in models}
        rows = {
            m.name: np.empty((len(numbers), len(suite.perturbations), strengths), bool)
            for m in models
        }
        for model in models:
            clean[model.name].append(_wrong(predict(model, pixels, batch), mine[model.name]))
        for c, perturbation in enumerate(suite.perturbations):
            for s, strength in enumerate(perturbation.strengths):
                rngs = [seeded(key, 0, 0, perturbation.key, seed) for key in keys]
                changed = perturbation.apply(pixels, strength, rngs)
                for model in models:
                    rows[model.name][:, c, s] = _wrong(
                        predict(model, changed, batch), mine[model.name]
                    )
        for model in models:
            wrong[model.name].append(rows[model.name])
        if step is not None:
            step(len(numbers))
    names = tuple(entry.name for entry in suite.perturbations)
    return {
        name: ce.CorruptionErrors(
            names=names,
            wrong=np.concatenate(wrong[name]),
            clean_wrong=np.concatenate(clean[name]),
            baseline=suite.baseline,
            extra=tuple(entry.name for entry in suite.extra),
            group=_group_of(images, seen),
        )
        for name in clean
    }


def _flips(
    images: LabelledImages,
    models: Sequence[Classifier],
    sets: dict[str, list[frozenset[int]]],
    seed: int,
    batch: Batch,
    step: Step | None,
    baseline: ce.FlipBaseline,
) -> dict[str, ce.FlipRates]:
    chosen = [sequence for name, sequence in SEQUENCES.items() if name in ce.FLIP_PROBABILITIES]
    clean: dict[str, list[np.ndarray]] = {model.name: [] for model in models}
    flips: dict[str, list[list[float]]] = {model.name: [] for model in models}
    distance: dict[str, list[list[float]]] = {model.name: [] for model in models}
    seen: list[int] = []
    for numbers, pixels, keys in chunks(images, crop_224, size=1, raw=True):
        seen += numbers
        for model in models:
            answer = predict(model, crop_224(pixels[0])[None], batch)
            clean[model.name].append(_wrong(answer, [sets[model.name][numbers[0]]]))
            flips[model.name].append([])
            distance[model.name].append([])
        picture = pixels[0] if pixels.shape[2:] == (CROP_PX, CROP_PX) else resized_256(pixels[0])
        for sequence in chosen:
            rng = seeded(keys[0], 0, 0, f"imagenet-p:{sequence.name}", seed)
            frames = torch.stack(
                [v2.center_crop(f, [CROP_PX, CROP_PX]) for f in sequence.frames(picture, rng)]
            )
            for model in models:
                _, flip, moved = seen_in(model, frames, sequence.compare, batch)
                flips[model.name][-1].append(flip)
                distance[model.name][-1].append(moved)
        if step is not None:
            step(1)
    return {
        name: ce.FlipRates(
            names=tuple(s.name for s in chosen),
            flips=np.array(flips[name]),
            top5_distance=np.array(distance[name]),
            scored=np.array([s.scored for s in chosen]),
            clean_wrong=np.concatenate(clean[name]),
            baseline=baseline,
            group=_group_of(images, seen),
        )
        for name in clean
    }


def seen_in(
    model: Classifier, frames: torch.Tensor, compare: Compare, batch: Batch
) -> tuple[np.ndarray, float, float]:
    """Probabilities (N, K) of a sequence's frames, the share of its pairs that flip, their mean top-5 distance."""
    p = predict(model, frames, batch).probabilities
    a, b = np.array(compared_pairs(len(frames), compare)).T
    return p, float(top1_flip(p[a], p[b]).mean()), float(top5_distance(p[a], p[b]).mean())


def _group_of(images: LabelledImages, numbers: Sequence[int]) -> np.ndarray | None:
    return np.array([images.groups[k] for k in numbers], dtype=object) if images.groups else None


def _wrong(answers: Classifications, sets: Sequence[frozenset[int]]) -> np.ndarray:
    return ~top_correct(answers.probabilities, sets)


def chunks(
    images: LabelledImages,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    size: int = CHUNK,
    raw: bool = False,
) -> Iterator[tuple[list[int], torch.Tensor, list[str]]]:
    """Numbers of some pictures, the pictures, hashes of what they were before they were prepared."""
    given, readable = pictures(images), 0
    while part := list(islice(given, size)):
        readable += len(part)
        numbers = [number for number, _ in part]
        keys = [hashlib.sha256(picture.numpy().tobytes()).hexdigest() for _, picture in part]
        yield numbers, torch.stack([p if raw else prepare(p) for _, p in part]), keys
    if not readable:
        raise InputError(
            f"none of the {len(images)} images can be read; the first: {images.problems[0]}"
        )


def top_correct(scores: np.ndarray, sets: Sequence[frozenset[int]]) -> np.ndarray:
    """Return whether the class of the largest score (N, K) is in each set, (N,) bool; the first of equals leads."""
    leading = zip(scores.argmax(axis=1).tolist(), sets, strict=True)
    return np.array([label in wanted for label, wanted in leading], dtype=bool)
