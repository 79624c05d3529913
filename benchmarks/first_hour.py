"""Is every sentence of the answer true of what people bring in their first hour?

    python benchmarks/first_hour.py --out DIR [--only NUMBER ...] [--again] [--seconds 5000] [--page FILE]

Small studies, one to three clips of 5 to 15 s each, are drawn by ``SEED``. What is found is kept in
DIR/results.jsonl, so that the same command continues; ``--again`` studies those of ``--only`` anew. Each sentence
is held against the planted truth, or against a long recording of the same condition:

rate            the rate of the long recording lies in the interval
cause           named: it was planted, or is natural to the footage, and the interval holds its true share in the
                clips themselves, from twins without noise (``certificate.py``, ``truth.py``). Without effect or
                absent: its true share is below what the sentence says
sensitivity     the perturbation it leads with, tried on the long recording: that share lies in the interval
rule            the ratio that the long recording gives lies in the interval; *tried* is false from .95 on
training        the cause of the step was planted with a true share of .05 or more; "no augmentation is supported"
and station     is false where a planted cause that has one makes half of the change
not measured    what it says is missing is missing, by counting

Long recordings: of stills and of the line, 20 s of the same condition with other draws; of other footage, the
whole of the recording from which the clips were cut.
"""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import account_worlds
import av
import certificate
import cv2
import harness
import numpy as np
import pandas as pd
import torch
import truth
from account_worlds import MARGIN, Frame, render, still
from harness import say

from vidrobust.api.study import study
from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.models.load import load_model
from vidrobust.plugins.line.dials import BY_NAME
from vidrobust.plugins.line.render import RenderSettings
from vidrobust.plugins.line.render import render as render_line
from vidrobust.report.glossary import saying
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.answer.text import sentence_of
from vidrobust.stages.causes.catalogue import CATALOGUE, NOISE
from vidrobust.stages.causes.score import coordinates, predict
from vidrobust.stages.remedies.catalogue import title
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.stability.statements import scene_of
from vidrobust.statement import Level, Question, Statement
from vidrobust.statistics.intervals import clopper_pearson
from vidrobust.video.source import open_video

SEED = 311129
"""Draws every study; committed before the first of them was run."""
FPS, LONG_S = 15, 20
NETWORKS = ("mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192")
DETECTOR = "FastestDet"
STILLS = (
    ("objects/cotracker_teddy.mp4", 5),
    ("objects/sam2_01_dog.mp4", 10),
    ("objects/mdn_flower.mp4", 20),
    ("objects/cotracker_cat.mp4", 10),
    ("factory/intel_bottle-detection.mp4", 300),
    ("factory/intel_preview_fruit-and-vegetable-detection.gif", 30),
    ("imagenet_sample/n01698640_American_alligator.JPEG", 0),
    ("imagenet_sample/n01860187_black_swan.JPEG", 0),
    ("imagenet_sample/n02097474_Tibetan_terrier.JPEG", 0),
    ("imagenet_sample/n02417914_ibex.JPEG", 0),
    ("imagenet_sample/n03532672_hook.JPEG", 0),
    ("imagenet_sample/n07747607_orange.JPEG", 0),
)
"""A file, and the frame of it: scenes that the networks know well, hardly and not."""
DETECTED = STILLS[:6]
"""Those with an object of the detector's classes."""
SHOWN = (
    ("objects/sam2_01_dog.mp4", 0),
    ("objects/intel_car-detection.mp4", 0),
    ("factory/intel_bottle-detection.mp4", 0),
)
"""Recordings from which moving clips are cut, long enough for clips of 5 s and more."""
MOVING = ("objects", "came_into_view", "camera", "local_light", "sharpness", "keyframes", NOISE)
"""Causes that real moving footage may have by itself: people and things pass, cast shadows and are coded."""
BESIDE = {
    "camera": ("came_into_view",),
    "local_light": ("light",),
    "noise": (),
    NOISE: ("keyframes",),
}
"""Causes that come along with a planted one: a shaken picture brings new borders, a wide shadow darkens all."""
CONDITIONS = (
    "flicker",
    "jitter",
    "hue",
    "focus",
    "noise",
    "compression",
    "exposure",
    "shadow",
    "lamp",
)
TWO = (("flicker", "jitter"), ("hue", "noise"), ("exposure", "focus"))
DIALS = ("light", "shake", "hue", "focus", "noise")
ONE = "still, one clip of 10 s"
FAMILIES = {
    ONE: 13,
    "still at rest": 2,
    "stills, clips of 5 to 15 s": 5,
    "moving, planted": 5,
    "moving, as it is": 3,
    "line": 4,
    "line, detector": 1,
    "detector": 3,
    "moving, detector": 2,
    "at random": 3,
    "predictions": 3,
}
"""What is studied, and how often."""
TRIED = ("brightness", "contrast", "hue", "translation", "gaussian_blur", "gaussian_noise", "jpeg")
SAMPLE = {"frames": 60, "pictures": False, "resamples": 2000, "perturbation": TRIED}
MANY, FEW = 24, 10
"""Pairs of one clip of 10 s, as many as by default, and of the other studies, where few must not say more."""
SIZES = {True: (320, 240), False: (208, 156)}
"""Width and height of one clip of 10 s, and of the others, px; the line has 640 x 480."""
STAGES = ("stability", "moments", "sensitivity", "causes", "policy", "boxes", "remedies")
HALF, MATTERS, SAME = 0.5, 0.05, 0.95
HOLDS, FALSE, OUTSIDE = "holds", "false", "outside"
ROUNDINGS = 1
AUGMENTED = ("light", "colour", "camera", "sharpness", NOISE)
"""Causes for which the catalogue has an augmentation."""


@dataclass(frozen=True)
class Plan:
    """One study: conditions of its clips, what they are cut from, and the model.

    Attributes
    ----------
    seconds : tuple of float
        Of each clip.
    of : tuple of (file, frame)
        The still or the recording of each clip.
    kinds : tuple of str
        Planted conditions; of the line its dials as ``--dial`` takes them.
    """

    number: int
    family: str
    seconds: tuple[float, ...]
    of: tuple[tuple[str, int], ...]
    kinds: tuple[str, ...]
    sigma: float
    crf: int
    model: str
    seed: int

    @property
    def is_line(self) -> bool:
        return self.family.startswith("line")

    @property
    def is_moving(self) -> bool:
        return self.family.startswith("moving")

    @property
    def is_recorded(self) -> bool:
        return self.family == "predictions"

    @property
    def is_random(self) -> bool:
        return self.family == "at random"

    @property
    def planted(self) -> set[str]:
        """Causes that were planted, of noise and of coding as well."""
        if self.is_random:
            return set()
        if self.is_line:
            names = [kind.partition("=")[0] for kind in self.kinds]
            return {*truth.ALWAYS, *(cause for name in names for cause in BY_NAME[name].causes)}
        found = {*certificate.wanted_causes(self.kinds)}
        return found | ({NOISE} if self.sigma > 0 or self.crf else set())

    @property
    def possible(self) -> set[str]:
        """Those, what comes along with them, and what the footage has by itself."""
        if self.is_random:
            return set()
        found = self.planted | ({*MOVING} if self.is_moving else set())
        return found | {beside for cause in self.planted for beside in BESIDE.get(cause, ())}


def plans() -> list[Plan]:
    """Every study: first the clips of 10 s, then those of few clips, so that a stopped run has most of them."""
    found: list[Plan] = []
    for family, count in FAMILIES.items():
        for place in range(count):
            found.append(_plan(len(found), family, place))
    order = np.random.default_rng(SEED).permutation(len(found))
    cheap = ("predictions", "at random")
    return sorted(
        (found[k] for k in order),
        key=lambda p: (p.family != ONE, p.family not in cheap, len(p.seconds)),
    )


def _plan(number: int, family: str, place: int) -> Plan:
    rng = np.random.default_rng([SEED, number])
    one, moving, line = family == ONE, family.startswith("moving"), family.startswith("line")
    clips = 1 if one or "detector" in family else int(rng.integers(1, 3 if line else 4))
    if family == "stills, clips of 5 to 15 s":
        clips = 2 + place % 2
    longest = 6.0 if line else 7.0 if moving else 15.0
    seconds = (
        (10.0,) if one else tuple(float(s) for s in np.round(rng.uniform(5, longest, clips), 1))
    )
    kinds: tuple[str, ...] = (str(rng.choice(CONDITIONS)),)
    if one and place < len(CONDITIONS):
        kinds = (CONDITIONS[place],)
    elif one and place < len(CONDITIONS) + len(TWO):
        kinds = TWO[place - len(CONDITIONS)]
    elif family in ("still at rest", "moving, as it is"):
        kinds = ()
    elif line:
        dial = BY_NAME[DIALS[place % len(DIALS)]]
        kinds = () if place == 3 else (f"{dial.name}={dial.sizes[1]:g}",)
    choice = SHOWN if moving else DETECTED if family == "detector" else STILLS
    places = rng.permutation(len(choice))[:clips]
    sigma = float(rng.uniform(3, 6) if "noise" in kinds else rng.uniform(0.5, 2))
    if family == "moving, as it is" or (
        not {"exposure", "noise"} & {*kinds} and rng.random() < 0.25
    ):
        sigma = 0.0
    model = str(rng.choice(NETWORKS))
    if line:
        model = "line-detector" if "detector" in family else "line-classifier"
    elif "detector" in family:
        model = DETECTOR
    elif family == "at random":
        model = f"verdicts:random_{(2, 10, 3)[place % 3]}_{number}"
    return Plan(
        number=number,
        family=family,
        seconds=seconds,
        of=() if line else tuple(choice[k] for k in places),
        kinds=kinds,
        sigma=sigma,
        crf=int(rng.integers(30, 38)) if "compression" in kinds else 0,
        model=model,
        seed=int(rng.integers(2**31)),
    )


def _picture(path: Path, frame: int) -> np.ndarray:
    """A still with its margin, float32: a frame of a clip, or a picture."""
    if path.suffix != ".JPEG":
        return still(path, frame)
    return np.float32(_scaled(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)))


def _scaled(picture: np.ndarray) -> np.ndarray:
    """The middle of a picture, scaled as ``account_worlds.still`` does it."""
    height, width = account_worlds.HEIGHT + 2 * MARGIN, account_worlds.WIDTH + 2 * MARGIN
    scale = max(height / picture.shape[0], width / picture.shape[1])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    made = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = (made.shape[0] - height) // 2, (made.shape[1] - width) // 2
    return np.ascontiguousarray(made[y : y + height, x : x + width])


@lru_cache(maxsize=1)
def recording(path: Path) -> tuple[np.ndarray, ...]:
    """Frames (uint8) of a recording at ``FPS``."""
    found: list[np.ndarray] = []
    with open_video(path) as source:
        step = float(source.info.frame_rate) / FPS
        for batch in source.batches(16):
            for index, pixels in zip(batch.index, batch.pixels, strict=True):
                if index >= round(len(found) * step):
                    found.append(_scaled(to_array(pixels)))
    return tuple(found)


@dataclass
class Made:
    """The clips of a study on disk, and what is known of them."""

    clips: list[Path]
    long: list[Path]
    true: dict[str, float] = field(default_factory=dict)


class Maker:
    """Renders the clips of a plan, with a long recording of the same condition."""

    def __init__(self, plan: Plan, corpus: Path, folder: Path) -> None:
        self.plan, self.corpus, self.folder = plan, corpus, folder

    def made(self, model: Any) -> Made:
        """The clips; the true shares as well where a classifier is at hand."""
        if self.plan.is_line:
            return self._line()
        found, along, change = (
            Made([], []),
            dict.fromkeys(certificate.planted(self.plan.kinds), 0.0),
            0.0,
        )
        for place, seconds in enumerate(self.plan.seconds):
            base = self._base(place, round(seconds * FPS))
            path = self.folder / f"clip-{place + 1}.mkv"
            frames, courses = self._record(base, path, [self.plan.seed, place])
            found.clips.append(path)
            if model is not None:
                z = coordinates(predict(model, tuple(frames), "cpu"), "logits")
                d = np.diff(z, axis=0)
                change += float(np.square(d).sum())
                for cause, of in self._along(base, courses, d, model).items():
                    along[cause] += of
            found.long.append(self._long(place))
        if model is not None and change > 0:
            found.true = {cause: of / change for cause, of in along.items()}
            if not self.plan.is_moving and NOISE in self.plan.planted:
                # of a still, noise and coding are all that is left
                found.true[NOISE] = max(0.0, 1 - sum(found.true.values()))
        return found

    def _base(self, place: int, count: int, *, whole: bool = False) -> Sequence[np.ndarray]:
        """The scene of each frame, with a margin."""
        name, frame = self.plan.of[place]
        if not self.plan.is_moving:
            return [_picture(self.corpus / name, frame)] * count
        frames = recording(self.corpus / name)
        if whole:
            return frames
        rng = np.random.default_rng([self.plan.seed, place, 9])
        first = int(rng.integers(0, max(1, len(frames) - count)))
        return frames[first : first + count]

    def _long(self, place: int) -> Path:
        path = self.folder / f"long-{place + 1}.mkv"
        # 20 s in all, each still as long as in the study
        count = round(LONG_S * FPS * self.plan.seconds[place] / sum(self.plan.seconds))
        self._record(self._base(place, count, whole=True), path, [self.plan.seed, place, 1])
        return path

    def _record(
        self, base: Sequence[np.ndarray], path: Path, seed: list[int]
    ) -> tuple[list[np.ndarray], list[Frame]]:
        """Render, write, and give back the frames as decoded."""
        rng = np.random.default_rng([*seed, 1])
        # one size of a condition for the clips and their long recordings; other draws
        courses = _courses(self.plan, len(base), seed)
        frames = []
        for scene, condition in zip(base, courses, strict=True):
            clean = render(np.float32(scene), scene, condition)
            noise = np.float32(self.plan.sigma) * rng.standard_normal(clean.shape, np.float32)
            frames.append(to_levels(clean + noise))
        _write(path, frames, self.plan.crf)
        if self.plan.crf:
            with open_video(path) as source:
                frames = [to_array(x) for batch in source.batches(32) for x in batch.pixels]
        return frames, courses

    def _along(
        self, base: Sequence[np.ndarray], courses: list[Frame], d: np.ndarray, model: Any
    ) -> dict[str, float]:
        """Of each planted cause <z(with it gone on) - z(before), d>, over all pairs."""
        rng, fields = (
            np.random.default_rng([self.plan.seed, 2]),
            certificate.planted(self.plan.kinds),
        )
        known: dict[tuple[int, Frame], np.ndarray] = {}

        def answer(t: int, frame: Frame) -> np.ndarray:
            if (t, frame) not in known:
                x = render(np.float32(base[t]), base[t], frame)
                made = tuple(
                    to_levels(np.floor(x + rng.random(x.shape, np.float32)))
                    for _ in range(ROUNDINGS)
                )
                known[t, frame] = coordinates(predict(model, made, "cpu"), "logits").mean(axis=0)
            return known[t, frame]

        found = dict.fromkeys(fields, 0.0)
        for t, (now, then) in enumerate(pairwise(courses)):
            for cause, name in fields.items():
                on = answer(t, certificate.with_field_of(now, then, name)) - answer(t, now)
                off = answer(t + 1, then) - answer(
                    t + 1, certificate.with_field_of(then, now, name)
                )
                found[cause] += float((on + off) / 2 @ d[t])
        return found

    def _line(self) -> Made:
        plan = self.plan
        line = RenderSettings(
            parts=len(plan.seconds),
            seconds=plan.seconds[0],
            seed=plan.seed % 10**6,
            dials=plan.kinds,
        )
        long = replace(line, parts=5, seconds=4.0, seed=line.seed + 1)
        clips, others = (
            [folder / path for path in render_line(each, folder)["path"]]
            for folder, each in ((self.folder / "line", line), (self.folder / "line-long", long))
        )
        names = tuple(kind.partition("=")[0] for kind in plan.kinds)
        true = truth.true_shares(names, line, self.folder / "line" / "clips")
        # the belt's run is that of objects and what came into view together
        true.pop(truth.BELT)
        return Made(clips, others, true if "detector" not in plan.family else {})


def _courses(plan: Plan, count: int, seed: list[int]) -> list[Frame]:
    """The course of every condition; its size depends on the plan alone."""
    frames = [Frame()] * count
    for kind in plan.kinds:
        if kind not in certificate.FIELDS:
            continue
        rng, size = (
            np.random.default_rng([*seed, 5]),
            np.random.default_rng([plan.seed, 6]).uniform(0.6, 1.6),
        )
        values = certificate.course(kind, rng, count, rng.uniform(0, 2 * np.pi), float(size))
        for name in certificate.FIELDS[kind].values():
            frames = [replace(f, **{name: v}) for f, v in zip(frames, values, strict=True)]
    return frames


def _write(path: Path, frames: Sequence[np.ndarray], crf: int) -> None:
    """Frames (H, W, 3) uint8 without loss as FFV1, or as H.264 with one keyframe."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264" if crf else "ffv1", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = (
            *frames[0].shape[:2],
            "yuv420p" if crf else "bgr0",
        )
        stream.options = {"crf": str(crf), "g": "10000"} if crf else {}
        for frame in frames:
            out.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
                )
            )
        out.mux(stream.encode(None))


def run_plan(plan: Plan, options: Any) -> dict[str, Any]:
    """Make the clips, study them as a user would, and check each sentence."""
    account_worlds.WIDTH, account_worlds.HEIGHT = SIZES[plan.family == ONE]
    folder = options.out / f"study-{plan.number:02d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spec = (
        plan.model
        if ":" in plan.model or plan.is_line
        else f"onnx:{options.models / plan.model}.onnx"
    )
    can_truth = not plan.is_line and plan.family not in ("at random", "detector")
    model: Any = load_model(spec, device="cpu") if can_truth else None
    judged = model is not None and model.task == "classification"
    made = Maker(plan, options.corpus, folder).made(model if judged else None)
    if plan.is_recorded:
        spec = (
            f"predictions:{_predictions(model, [*made.clips, *made.long], folder / 'answers.csv')}"
        )
        made.true = {}
    settings = Settings(**{**SAMPLE, "pairs": MANY if plan.family == ONE else FEW})
    study(list(map(str, made.clips)), spec, out=folder / "run", stages=STAGES, settings=settings)
    run = RunTables(folder / "run")
    answer = answer_of(run)
    leading = _leading(run, answer.statements)
    wanted = (
        ("stability", "remedies") if leading is None else ("stability", "remedies", "sensitivity")
    )
    asked = {} if leading is None else {"perturbation": (leading[0],), "strengths": 0}
    others = Settings(**{**SAMPLE, **asked})
    study(list(map(str, made.long)), spec, out=folder / "long", stages=wanted, settings=others)
    checked = [
        {
            **_as_row(each),
            **dict(zip(("holds", "because"), _check(plan, made, each, run, folder), strict=True)),
        }
        for each in answer.statements
    ]
    for path in folder.glob("long*.mkv"):
        path.unlink()
    shutil.rmtree(folder / "line-long", ignore_errors=True)
    return {"number": plan.number, "plan": asdict(plan), "true": made.true, "sentences": checked}


def _as_row(each: Statement) -> dict[str, Any]:
    kept = ("question", "kind", "level", "value", "low", "high", "n", "is_action", "is_suggestion")
    return {**{name: getattr(each, name) for name in kept}, "text": sentence_of(each)}


def _predictions(model: Any, clips: Sequence[Path], path: Path) -> Path:
    """A file of recorded answers of all clips."""
    rows = []
    for clip in clips:
        with open_video(clip) as source:
            frames = tuple(to_array(x) for batch in source.batches(32) for x in batch.pixels)
        p = predict(model, frames, "cpu")
        best = p.argmax(axis=1)
        rows.append(
            pd.DataFrame(
                {
                    "item": clip.stem,
                    "frame": range(len(p)),
                    "label": [model.class_names[k] for k in best],
                    "probability": p[np.arange(len(p)), best],
                }
            )
        )
    pd.concat(rows).to_csv(path, index=False)
    return path


def _leading(run: RunTables, statements: Sequence[Statement]) -> tuple[str, float] | None:
    """The perturbation and strength with which the sentence on sensitivity leads."""
    table = run.table("sensitivity")
    said = next(
        (s for s in statements if s.question == Question.SENSITIVE and s.value == s.value), None
    )
    if table is None or said is None:
        return None
    for name, strength in (
        table[["perturbation", "strength"]].drop_duplicates().itertuples(index=False)
    ):
        if saying(name, strength).lower() in said.text.lower():
            return str(name), float(strength)
    raise ValueError(f"no perturbation of the table is said in: {said.text}")


Found = tuple[str, str]
"""Whether a sentence holds, is false, has a figure outside its interval, or has nothing to be held against ("");
and what it was held against."""


def held(ok: bool | np.bool_) -> str:
    return HOLDS if ok else FALSE


def inside(said: Statement, value: float) -> str:
    """Whether the interval of a sentence holds a figure; "" where it gives none."""
    if not said.low <= said.high:
        return ""
    return HOLDS if said.low <= value <= said.high else OUTSIDE


def _check(plan: Plan, made: Made, said: Statement, run: RunTables, folder: Path) -> Found:
    long = RunTables(folder / "long")
    if said.kind == "scene_unknown":
        seen = scene_of(long, said.model)
        if seen is None:
            return "", "no long recording"
        return held(
            not seen.is_known
        ), f"long recording: median {seen.probability:.2f}, ties {seen.ties:.0%}"
    if said.question == Question.STABLE:
        return _rate(said, run, long)
    if said.question == Question.WORST:
        return _moment(plan, run, made)
    if said.question == Question.WHY:
        return _cause(plan, made, said, run)
    if said.question == Question.SENSITIVE:
        return _sensitive(said, run, long)
    if said.question == Question.RULE:
        return _rule(said, run, long)
    if said.question == Question.STATION:
        return _station(plan, made, said)
    return _training(plan, made, said, run)


def _rate(said: Statement, run: RunTables, long: RunTables) -> Found:
    if said.level is Level.NOT_MEASURED:
        return held(said.n < 10), f"{said.n} counted"
    table, own = long.table("stability"), run.table("stability")
    assert table is not None
    assert own is not None
    name = next(
        name
        for name in run.tasks[said.model].answered
        if overall(own, said.model, name)["value"] == said.value
        and int(overall(own, said.model, name)["n"]) == said.n
    )
    there = overall(table, said.model, name)
    against = (
        f"{name}: long recording {there['value']:.3f} [{there['low']:.3f}, {there['high']:.3f}]"
    )
    return inside(said, there["value"]), against


def _moment(plan: Plan, run: RunTables, made: Made) -> Found:
    """The model asked anew about the two frames."""
    moments = run.json("moments.json").get("moments", [])
    if not moments or plan.is_recorded:
        return "", "boxes, or recorded"
    first = moments[0]
    spec = plan.model if plan.is_random else run.record.models[0].spec
    model: Any = load_model(spec, device="cpu")
    clip = next(path for path in made.clips if path.stem == first["item"])
    with open_video(clip) as source:
        frames = [
            (float(t), to_array(x))
            for b in source.batches(32)
            for t, x in zip(b.time_s, b.pixels, strict=True)
        ]
    shown = [
        next(x for t, x in frames if abs(t - first[key]) < 1e-3) for key in ("time_a_s", "time_b_s")
    ]
    names = [model.class_names[k] for k in predict(model, tuple(shown), "cpu").argmax(axis=1)]
    return held(names == [first["label_a"], first["label_b"]]), " becomes ".join(map(str, names))


def _cause(plan: Plan, made: Made, said: Statement, run: RunTables) -> Found:
    if said.level is Level.NOT_MEASURED:
        return held(plan.is_recorded or said.n < 10), f"{said.n} pairs"
    if said.kind == "why_any_change_alike":
        return held(
            plan.is_random
        ), "a model that answers at random" if plan.is_random else "a real model"
    causes, true = _causes(said.text), made.true
    named = {c: f"{c} truly {true[c]:.2f}" if c in true else c for c in causes}
    against = ", ".join(named[c] for c in causes) or said.kind
    if said.kind == "why_named":
        cause = causes[0]
        if cause not in plan.possible:
            return FALSE, f"{cause} was not planted"
        if cause in true:
            return inside(said, true[cause]), against
        return HOLDS, f"{cause} is there, its share is not known"
    if said.kind in ("why_no_effect", "why_absent"):
        most = said.high if said.kind == "why_no_effect" else MATTERS
        wrong = [c for c in causes if true.get(c, 0.0) > max(most, MATTERS)]
        return held(not wrong), against
    if said.kind == "why_none_named":
        large = [c for c, share in true.items() if share >= HALF]
        return held(not large), f"true shares { ({c: round(s, 2) for c, s in true.items()}) }"
    if said.kind == "why_as_any_change":
        return "" if true.get(causes[0], 0.0) < HALF else FALSE, against
    return "", against


def _causes(text: str) -> list[str]:
    """The causes of a sentence, by their titles in its text."""
    text, found = text.lower(), []
    for name, cause in sorted(CATALOGUE.items(), key=lambda each: -len(each[1].title)):
        if cause.title.lower() in text:
            found.append(name)
            text = text.replace(cause.title.lower(), "")
    return found


def _sensitive(said: Statement, run: RunTables, long: RunTables) -> Found:
    if said.level is Level.NOT_MEASURED:
        return HOLDS, "said why"
    leading = _leading(run, [said])
    assert leading is not None
    table = long.table("sensitivity")
    assert table is not None
    task = long.tasks[said.model]
    rows = table[(table["strength"] == leading[1]) & table["metric"].isin(task.response.turns)]
    each = (
        rows.groupby(["item", "frame", "metric"])["value"]
        .mean()
        .groupby(["item", "frame"])
        .sum()
        .clip(upper=1)
    )
    share, n = float(each.mean()), len(each)
    against = f"{leading[0]} {leading[1]:g}: long recording {share:.2f} of {n}"
    return inside(said, share), against


def _rule(said: Statement, run: RunTables, long: RunTables) -> Found:
    table = long.table("remedies")
    if said.kind in ("rule_not_run", "rule_few", "rule_no_held_out"):
        return HOLDS, "said why"
    if table is None:
        return "", "no remedies on the long recording"
    mine = table[table["model"] == said.model]
    if said.kind == "rule_not_needed":
        return held(
            mine["before"].max() <= 3 / said.n
        ), f"long recording {mine['before'].max():.3f} before"
    if said.kind == "rule_none":
        best = mine.loc[mine["kind"] == "rule", "ratio"].min()
        return held(not best < 0.9), f"best rule of the long recording leaves {best:.2f}"
    words = said.text.replace(",", " ").replace("(", " ").replace(":", " ").split()
    rows = mine[mine["remedy"].isin(words)]
    if said.kind == "remedy_tried" or rows.empty:
        rows = mine[[title(str(name)).lower() in said.text.lower() for name in mine["remedy"]]]
    if rows.empty:
        return "", "not tried on the long recording"
    row = rows.iloc[0]
    against = (
        f"{row['remedy']}: long recording {row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    )
    if said.level is Level.TRIED and not row["ratio"] < SAME:
        return FALSE, against
    return inside(said, row["ratio"]), against


def _station(plan: Plan, made: Made, said: Statement) -> Found:
    causes = [name for name, cause in CATALOGUE.items() if cause.hint and cause.hint in said.text]
    if not causes:
        return "", "nothing to hold it against"
    ok = causes[0] in plan.possible and made.true.get(causes[0], 1.0) >= MATTERS
    return held(ok), f"{causes[0]}: {made.true.get(causes[0], 'planted' if ok else 'not planted')}"


def _training(plan: Plan, made: Made, said: Statement, run: RunTables) -> Found:
    if said.kind in ("train_replicated", "train_suggested", "train_tried", "train_footage"):
        steps = run.json("policy.json").get("steps", [])
        causes = [s["evidence"]["cause"] for s in steps if s["evidence"].get("share") == said.value]
        causes = causes or _causes(said.text)
        if not causes:
            return "", "names no cause"
        ok = causes[0] in plan.possible and made.true.get(causes[0], 1.0) >= MATTERS
        return held(
            ok
        ), f"{causes[0]}: {made.true.get(causes[0], 'planted' if ok else 'not planted')}"
    if said.kind == "train_none":
        large = [c for c, share in made.true.items() if share >= HALF and c in AUGMENTED]
        return held(not large), f"true shares { ({c: round(s, 2) for c, s in made.true.items()}) }"
    return HOLDS, "said why"


def large_conditions(row: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Conditions of a true share of .5 or more, and whether the answer names them."""
    causes = {
        cause for s in row["sentences"] if s["kind"] == "why_named" for cause in _causes(s["text"])
    }
    for cause, share in row["true"].items():
        if share >= HALF:
            yield cause, cause in causes


def describe(rows: list[dict[str, Any]]) -> None:
    """The aims, the sentences by kind, and each that does not hold."""
    every = [(row, s) for row in rows for s in row["sentences"]]
    actions = [(row, s) for row, s in every if s["is_action"]]
    false = [(row, s) for row, s in actions if s["holds"] == FALSE]
    hints = [(row, s) for row, s in every if s["is_suggestion"]]
    one = [r for r in rows if r["plan"]["family"] == ONE]
    large = [(r["number"], cause, found) for r in one for cause, found in large_conditions(r)]
    others = [f for r in rows if r not in one for _, f in large_conditions(r)]
    say(f"{len(rows)} studies, {len(every)} sentences, drawn by {SEED}.\n")
    studies = len({row["number"] for row, _ in actions})
    say(f"* Actions: {len(actions)} in {studies} studies, {len(false)} false; aim 0.")
    say(
        f"* Worth trying: {len(hints)}, of a cause that is not there {sum(s['holds'] is False for _, s in hints)}."
    )
    hits = sum(found for *_, found in large)
    low, high = clopper_pearson(hits, len(large)) if large else (0.0, 1.0)
    say(
        f"* Conditions of a true share of .5 or more, named from one clip of 10 s: {hits} of {len(large)} "
        f"({hits / max(len(large), 1):.0%} [{low:.0%}, {high:.0%}]); aim 80 %. In the other studies "
        f"{sum(others)} of {len(others)}."
    )
    count = {
        word: sum(s["holds"] == word for _, s in every) for word in (HOLDS, FALSE, OUTSIDE, "")
    }
    say(
        f"* Sentences that hold: {count[HOLDS]} of {len(every) - count['']} that can be held against something;"
    )
    say(
        f"  {count[FALSE]} are false, and of {count[OUTSIDE]} the interval misses the truth (5 % may).\n"
    )
    table = harness.table("question", "said", "holds", "interval misses", "false", "unchecked")
    for question in dict.fromkeys(s["question"] for s in sorted((s for _, s in every), key=_place)):
        mine = [s["holds"] for _, s in every if s["question"] == question]
        table.row(question, len(mine), *(mine.count(word) for word in (HOLDS, OUTSIDE, FALSE, "")))
    say("")
    for word, write in ((FALSE, say), (OUTSIDE, print)):  # the page lists what is false
        for row, s in every:
            if s["holds"] == word:
                planted = " and ".join(row["plan"]["kinds"]) or "nothing"
                claim = s["text"].split(". ")[0].split(" of the change")[0].rstrip(".")
                write(f"* {word}, {planted} planted: {claim}. Truth: {s['because']}.")


def _place(said: dict[str, Any]) -> int:
    return [str(each) for each in Question].index(said["question"])


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=root / "corpus")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--only", type=int, nargs="+")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seconds", type=float, default=5000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    file, began = options.out / "results.jsonl", time.monotonic()
    lines = file.read_text().splitlines() if file.is_file() else []
    rows = {row["number"]: row for row in map(json.loads, lines)}
    for plan in plans():
        if options.only and plan.number not in options.only:
            continue
        if (
            plan.number in rows and not (options.again and options.only)
        ) or time.monotonic() - began > options.seconds:
            continue
        start = time.monotonic()
        try:
            rows[plan.number] = run_plan(plan, options)
        except Exception:  # a study that ends in an error is itself a finding, and the others go on
            traceback.print_exc()
            print(f"study {plan.number} ({plan.family}) ended in an error", flush=True)
            continue
        with file.open("a") as kept:
            kept.write(json.dumps(rows[plan.number], default=float) + "\n")
        wrong = [s for s in rows[plan.number]["sentences"] if s["holds"] in (FALSE, OUTSIDE)]
        took = time.monotonic() - start
        print(
            f"study {plan.number} ({plan.family}): {len(wrong)} do not hold, {took:.0f} s",
            flush=True,
        )
    describe([rows[number] for number in sorted(rows)])


if __name__ == "__main__":
    harness.run(main)
