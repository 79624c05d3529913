"""Do the accounts of detectors hold the true shares, how wide are they, and does a policy step follow?

    python benchmarks/detector_lines.py --out DIR [--commit HASH] [--draw fresh] [--only NUMBER ...] [--seconds 3000]

Eight lines, drawn by the hash of a commit: light, shake, noise and focus, each before two detectors.

line-detector  four clips of the simulated line: the belt runs, one dial is turned, H.264 codes it
yolox_nano     four pictures of ImageNet on which it finds a whole object, under one condition and a camera's noise;
               ``--draw development`` takes the even pictures and ``fresh`` the odd ones

Each line is studied to its policy with 24 pairs. Numbers are kept in DIR, and the same command goes on.

true     by noise-free twins of all neighbours, as in ``truth.py`` and ``planted.py``: a frame with one condition
         alone gone on to the next, and the next with it alone held back, along the real change of what the detector
         says. What the belt and the condition leave is noise and detail, the smear of a shake included
scores   the account of the scores of all that a frame shows
places   the account of where the box of each object lies, its motion removed
held     the true share lies in the interval ``low`` to ``high`` of the table
step     a step of the policy whose cause is the planted one, with its level of evidence
false    a step for a cause that nothing plants
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say
from planted import HEIGHT, MARGIN, WIDTH, Camera, Course, Shot, World, still

from vidrobust.api.study import study
from vidrobust.frames.pixels import to_array, to_levels, to_tensor
from vidrobust.models.load import load_model
from vidrobust.plugins.line.render import RenderSettings, render, stage
from vidrobust.run_folder.settings import Settings
from vidrobust.shapes.shape import Places
from vidrobust.stages.causes.boxes import inside, seen_boxes
from vidrobust.stages.causes.scene import STEP, ShownMotion
from vidrobust.video.source import open_video

DETECTORS = ("line-detector", "yolox_nano")
NOISE, BELT = "noise_and_coding", ("objects", "came_into_view")
"""Causes that every clip has, and every clip of the simulated line."""
GROUPS = ("moving", "camera", "light", "noise_and_detail")
PREFIXES = {"scores": "", "places": "place_"}
"""By account the prefix of its tables."""


@dataclass(frozen=True)
class Planted:
    """A condition: its group and cause in the account, and its smallest and largest size.

    ``dial`` is of the simulated line, ``levels`` of the condition ``kind`` of ``planted.course``, or of noise.
    """

    group: str
    cause: str
    dial: tuple[float, float]
    kind: str
    levels: tuple[float, float]


CONDITIONS = {
    "light": Planted("light", "light", (0.2, 0.5), "flicker", (1.0, 3.0)),
    "shake": Planted("camera", "camera", (3.0, 8.0), "jitter", (0.8, 2.5)),
    "noise": Planted("noise_and_detail", NOISE, (8.0, 24.0), "none", (4.0, 16.0)),
    "focus": Planted("noise_and_detail", "sharpness", (1.2, 2.5), "focus", (0.8, 2.0)),
}
PARTS, PICTURES, FRAMES, PAIRS = 4, 4, 16, 24
"""Clips of the line, pictures, frames of each clip, and replayed pairs of a study."""
SURE = 0.6
"""Score of the box that a picture has, whole and away from its border."""
PERTURBATIONS = (
    *("brightness", "translation", "rotation", "gaussian_blur", "defocus_blur"),
    *("gaussian_noise", "shot_noise"),
)

Condition = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One of the eight; ``rng`` draws all of it."""

    number: int
    condition: str
    detector: str
    rng: np.random.Generator

    @property
    def name(self) -> str:
        return f"{self.condition}, {self.detector}"

    @property
    def planted(self) -> Planted:
        return CONDITIONS[self.condition]

    def size(self, ends: tuple[float, float]) -> float:
        """Draw a size between two, evenly in its logarithm."""
        return float(np.exp(self.rng.uniform(*np.log(ends))))


@dataclass(frozen=True)
class Clip:
    """Frames as recorded, with the condition of each; ``fields`` of a condition by the group that they are."""

    frames: Sequence[np.ndarray]
    conditions: Sequence[Condition]
    fields: Mapping[str, tuple[str, ...]]
    twin: Callable[[int, Condition], np.ndarray]
    """(frame, condition) -> (H, W, 3) float32 levels without noise."""
    place: Callable[[Condition], np.ndarray]
    """Where its objects lie under a condition, (2,) px from anywhere."""


def drawn(commit: str) -> list[Line]:
    """The eight lines of a commit."""
    lines = []
    for number in range(len(CONDITIONS) * len(DETECTORS)):
        digest = hashlib.sha256(f"{commit} detectors {number}".encode()).digest()
        condition = list(CONDITIONS)[number // 2]
        rng = np.random.default_rng(list(digest))
        lines.append(Line(number, condition, DETECTORS[number % 2], rng))
    return lines


def belt_clips(line: Line, folder: Path) -> tuple[Path, list[Clip], float]:
    """The simulated line: its manifest, clips, and the size of the dial."""
    size = line.size(line.planted.dial)
    settings = RenderSettings(
        parts=PARTS,
        seconds=FRAMES / 30,
        seed=int(line.rng.integers(2**31)),
        dials=(f"{line.condition}={size:.4f}",),
    )
    render(settings, folder)
    clips = []
    for plan in settings.plans():
        camera = stage(plan).camera
        with open_video(folder / "clips" / f"{plan.item}.mp4") as source:
            frames = [to_array(x) for batch in source.batches(32) for x in batch.pixels]
        clips.append(
            Clip(
                frames=frames,
                conditions=[camera.condition(number) for number in range(len(frames))],
                fields={
                    "moving": ("travel_px",),
                    "light": ("gain",),
                    "camera": ("shake_x_px", "shake_y_px"),
                },
                twin=lambda number, c, camera=camera: camera.light(number, **c),  # type: ignore[misc]
                place=lambda c: np.array([c["travel_px"] + c["shake_x_px"], c["shake_y_px"]]),
            )
        )
    return folder / "manifest.csv", clips, size


def picture_clips(
    line: Line, folder: Path, stills: Path, names: list[str], model: Any
) -> tuple[list[Path], list[Clip], float]:
    """Pictures with something on them that the detector finds: folders of frames, clips, and the size."""
    shown = []
    for name in line.rng.permutation(names).tolist():
        picture = still(stills / name)[MARGIN:-MARGIN, MARGIN:-MARGIN]
        boxes, scores, _ = model(to_tensor([to_levels(picture)])).of_frame(0)
        if any(inside(box, (HEIGHT, WIDTH)) for box in Places.of(boxes).boxes[scores >= SURE]):
            shown.append(name)
        if len(shown) == PICTURES:
            break
    size = line.size(line.planted.levels)
    sigma = size if line.condition == "noise" else float(line.rng.uniform(0.5, 2.0))
    paths, clips = [], []
    for number, name in enumerate(shown):
        world = World(
            number=line.number,
            kinds=(line.planted.kind,),
            sizes=(size,),
            look="plain",
            cameras=(Camera(name, name, sigma),),
            crf=0,
            networks=(),
            seed=int(line.rng.integers(2**31)),
        )
        course = Course(world, 0, stills, FRAMES - 3)
        paths.append(folder / f"picture_{number}")
        paths[-1].mkdir(parents=True)
        for t, frame in enumerate(course.recorded):
            cv2.imwrite(str(paths[-1] / f"{t:04d}.png"), frame[..., ::-1])
        clips.append(
            Clip(
                frames=course.recorded,
                conditions=[asdict(shot) for shot in course.shots],
                fields={"light": ("gain",), "camera": ("shift",)},
                twin=lambda _, c, course=course: course.twin(Shot(**c)),  # type: ignore[misc]
                place=lambda c: -np.array(c["shift"]),
            )
        )
    return paths, clips, size


def true_shares(clip: Clip, model: Any, rng: np.random.Generator) -> pd.DataFrame:
    """Of each pair and account <d, d> as ``change``, and by group the part of it along d that the twins show."""
    rows = []
    first = clip.conditions[0]
    fields = {  # what stands still has no part in the change
        group: names
        for group, names in clip.fields.items()
        if any(c[name] != first[name] for c in clip.conditions for name in names)
    }
    for t, (now, then) in enumerate(pairwise(clip.conditions)):
        plan: list[tuple[int, Condition]] = [(t, now), (t + 1, then)]
        for names in fields.values():
            plan.append((t, {**now, **{name: then[name] for name in names}}))
            plan.append((t + 1, {**then, **{name: now[name] for name in names}}))
        pictures = list(clip.frames[t : t + 2])
        for number, condition in plan:
            levels = clip.twin(number, condition)
            pictures.append(to_levels(np.floor(levels + rng.random(levels.shape, np.float32))))
        motions = [_moved(clip, now, condition) for _, condition in (*plan[:2], *plan)]
        seen = seen_boxes(model, pictures, motions)
        for account, z in (("scores", seen.z), ("places", seen.places)):
            d, twins = z[1] - z[0], z[2:]
            row = {"account": account, "change": float(d @ d), **dict.fromkeys(GROUPS, 0.0)}
            for group, on, off in zip(fields, twins[2::2], twins[3::2], strict=True):
                row[group] = float((on - twins[0] + twins[1] - off) / 2 @ d)
            row["noise_and_detail"] = row["change"] - sum(row[group] for group in fields)
            rows.append(row)
    return pd.DataFrame(rows)


def _moved(clip: Clip, now: Condition, condition: Condition) -> ShownMotion:
    """All objects of a condition's picture as they have moved since ``now``."""
    height, width = (-(-side // STEP) for side in clip.frames[0].shape[:2])
    back = np.tile((clip.place(now) - clip.place(condition)).astype(np.float32), (height, width, 1))
    return ShownMotion(back, np.zeros((height, width), bool))


def run_line(line: Line, folder: Path, stills: Path, names: list[str], models: Path) -> Any:
    """One line made, studied to its policy, and compared with its truth."""
    shutil.rmtree(folder, ignore_errors=True)
    spec = line.detector if line.detector == DETECTORS[0] else f"onnx:{models / line.detector}.onnx"
    model = load_model(spec, device="cpu")
    sources: Any
    if line.detector == DETECTORS[0]:
        sources, clips, size = belt_clips(line, folder / "line")
    else:
        sources, clips, size = picture_clips(line, folder / "pictures", stills, names, model)
    settings = Settings(
        perturbation=PERTURBATIONS,
        frames=12,
        strengths=3,
        pairs=PAIRS,
        resamples=199,
        pictures=False,
    )
    run = study(sources, spec, out=folder / "run", stages=["policy"], settings=settings)
    rng = np.random.default_rng(line.number)
    truth = pd.concat([true_shares(clip, model, rng) for clip in clips])
    shares = []
    for account, prefix in PREFIXES.items():
        table = run.table(f"{prefix}account")
        rows = table[(table["item"] == "") & (table["level"] == "group")].set_index("cause")
        sums = truth[truth["account"] == account].sum(numeric_only=True)
        for group in GROUPS if len(rows) and sums["change"] > 0 else ():
            share, low, high = (float(rows.loc[group, name]) for name in ("share", "low", "high"))
            true = float(sums[group] / sums["change"])
            shares.append([account, group, true, share, low, high])
    return {
        "number": line.number,
        "size": size,
        "shares": shares,
        "steps": [
            [step["perturbation"], step["evidence"]["cause"], step["evidence"]["level"]]
            for step in [*run.policy["steps"], *run.policy["suggested"]]
        ],
    }


def describe(lines: list[Line], kept: Mapping[int, Any]) -> None:
    """Every share and step, then coverage beside width."""
    table = harness.table(
        "line", "account", "group", "true", "share", "interval", "width", "held", digits=2
    )
    cells, known = [], [line for line in lines if line.number in kept]
    for line in known:
        for account, group, true, share, low, high in kept[line.number]["shares"]:
            cell = (line.detector, account, true, share, high - low, bool(low <= true <= high))
            cells.append(cell)
            mark = " (planted)" * (group == line.planted.group)
            ends = f"[{low:.2f}, {high:.2f}]"
            table.row(line.name, account, f"{group}{mark}", true, share, ends, *cell[-2:])
    found = pd.DataFrame(cells, columns=["detector", "account", "true", "share", "width", "held"])
    say("")
    totals = harness.table(
        "shares of groups", "count", "within .1", "held", "median width", digits=2
    )
    chosen = {"all": found, ".1 or more": found[found["true"] >= 0.1]}
    chosen |= {
        str(name): rows for by in ("account", "detector") for name, rows in found.groupby(by)
    }
    for title, rows in chosen.items():
        near, held = (rows["share"] - rows["true"]).abs() <= 0.1, rows["held"]
        count = f"{held.sum()} ({held.mean():.0%})"
        totals.row(title, len(rows), f"{near.mean():.0%}", count, float(rows["width"].median()))
    say("")
    steps = harness.table("line", "size", "steps for what is planted", "false steps", digits=2)
    for line in known:
        wanted, row = line.planted.cause, kept[line.number]
        there = {wanted, NOISE, *(BELT if line.detector == DETECTORS[0] else ())}
        right = [f"{name} ({level})" for name, cause, level in row["steps"] if cause == wanted]
        wrong = [name for name, cause, _ in row["steps"] if cause not in there]
        steps.row(line.name, row["size"], ", ".join(right) or "none", ", ".join(wrong) or "none")
    helped, false = (sum(row[k] != "none" for row in steps.rows) for k in (2, 3))
    say(f"\n* lines with a step for what is planted: {helped} of {len(known)}")
    say(f"* lines with a step for what is not: {false} of {len(known)}")


def main() -> None:
    root = Path(__file__).resolve().parents[2] / "shared"
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--commit", help="whose hash draws; HEAD where none is given")
    parser.add_argument("--draw", choices=("development", "fresh"), default="fresh")
    parser.add_argument("--only", type=int, nargs="*", default=[], metavar="NUMBER")
    parser.add_argument("--stills", type=Path, default=root / "corpus" / "imagenet_sample")
    parser.add_argument("--models", type=Path, default=root / "models")
    parser.add_argument("--seconds", type=float, default=3000)
    given = parser.parse_args()
    commit = harness.commit(given.commit)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    names = sorted(path.name for path in given.stills.glob("*.JPEG"))
    names = names[0 if given.draw == "development" else 1 :: 2]
    folder, began = given.out / f"{given.draw}_{commit[:12]}", time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    lines, kept = drawn(commit), {}
    for line in lines:
        file = folder / f"{line.number}.json"
        wanted = not given.only or line.number in given.only
        if wanted and not file.is_file() and time.monotonic() - began < given.seconds:
            row = run_line(line, folder / f"{line.number}", given.stills, names, given.models)
            file.write_text(json.dumps(row))
        if file.is_file():
            kept[line.number] = json.loads(file.read_text())
    say(
        f"Drawn by commit {commit[:12]} ({given.draw}), {PAIRS} pairs, {len(kept)} of {len(lines)} lines.\n"
    )
    describe(lines, kept)


if __name__ == "__main__":
    harness.run(main)
