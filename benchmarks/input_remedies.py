"""Pictures changed before a network sees them: flips left, answers kept, and right answers.

    python benchmarks/input_remedies.py --keep DIR [--clip objects/cotracker_cat ...] [--seconds 5] [--no-still] \\
        [--corpus DIR] [--models DIR]

Three networks of ImageNet on three clips with one clear object, or others. Blur, median filter and the mean of
frames at rest as ``vidrobust remedies --all`` tries them; WebP and unsharp masking, which Tung et al. 2022
recommend, besides.
Pooled: the sums over networks and clips; the units of the interval are the stretches of each clip.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import harness
import numpy as np
import pandas as pd
import torch
from harness import say

from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.remedies.label_rows import LabelStudy, flips_after
from vidrobust.stages.remedies.study import FootageTables, classifier_study
from vidrobust.stages.replays.arms import replay_all
from vidrobust.stages.replays.footage import InputShown, WanderingSteps, answered, softened
from vidrobust.stages.replays.names import SOFTENED
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.ratios import paired_ratio
from vidrobust.text.numbers import percent, percent_with_interval

SHARED = Path(__file__).resolve().parents[2] / "shared"
NETWORKS = ("mobilenet_v2_1.0_224", "mobilenet_v1_0.5_160", "squeezenet1_1_227")
CLIPS = ("objects/cotracker_cat", "objects/cotracker_teddy", "objects/sam2_02_cups")
SINGLE = SOFTENED[:5]  # of one frame alone
TABLES = ("frames", "pairs", "triples", "probabilities")


def webp(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    """Code a picture as WebP and decode it."""

    def changed(frame: np.ndarray) -> np.ndarray:
        done, code = cv2.imencode(".webp", frame, [cv2.IMWRITE_WEBP_QUALITY, quality])
        assert done
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))

    return changed


def unsharp(amount: float) -> Callable[[np.ndarray], np.ndarray]:
    """Add ``amount`` times what a blur of sigma 1 px at 360 lines takes away."""

    def changed(frame: np.ndarray) -> np.ndarray:
        soft = cv2.GaussianBlur(frame, (0, 0), min(frame.shape[:2]) / 360)
        return np.asarray(cv2.addWeighted(frame, 1 + amount, soft, -amount, 0))

    return changed


PUBLISHED = {
    **{f"WebP, quality {q}": webp(q) for q in (80, 50, 20)},
    **{f"unsharp, {a:g}": unsharp(a) for a in (0.5, 1.0)},
}


def labels_of(run: OpenRun, model: str) -> dict[str, np.ndarray]:
    """Remedy -> the labels (N,) of the only clip of a run."""
    shown = InputShown.of(run, run.inputs.readable[0])
    assert shown is not None
    rows = run.table("replayed_answers")
    rows = rows[rows["model"] == model]
    found = {
        str(name): of.sort_values("frame")["label"].to_numpy()
        for name, of in rows.groupby("remedy")
    }
    network = next(each for each in run.models if each.name == model)
    streams: dict[str, Iterator[np.ndarray]] = {
        name: map(change, shown.frames()) for name, change in PUBLISHED.items()
    }
    unmoved = WanderingSteps(
        np.zeros((len(shown.number), 2)), np.zeros(len(shown.number)), shown.begins
    )
    for name in SINGLE:
        frames = softened(name, shown.frames, unmoved).frames
        assert frames is not None
        streams[name] = frames()
    for name, stream in streams.items():
        found[name] = answered(shown, iter(stream), lambda x: shown.asked(network, x))[
            "label"
        ].to_numpy()
    return {name: found[name] for name in (*SOFTENED, *PUBLISHED) if name in found}


def studied(run: OpenRun, model: str) -> LabelStudy:
    """The answers and pairs of a network on the only clip of a run."""
    footage = FootageTables(
        transitions=run.table("transitions"), sizes={}, parts={}, labels=pd.DataFrame()
    )
    return classifier_study(model, {name: run.table(name) for name in TABLES}, footage)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--corpus", type=Path, default=SHARED / "corpus")
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--clip", nargs="+", default=list(CLIPS))
    parser.add_argument(
        "--no-still", action="store_true", help="leave the mean of frames at rest out"
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--keep", type=Path, required=True, help="where runs are kept")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with (given.corpus / "clip_labels.csv").open(encoding="utf-8") as file:
        right = {
            Path(r["file"]).stem: r["acceptable_imagenet_indices"] for r in csv.DictReader(file)
        }
    pooled: dict[str, list[tuple[np.ndarray, ...]]] = {}
    specs = tuple(f"onnx:{given.models / name}.onnx" for name in NETWORKS)
    table = harness.table("network", "clip", "flips", *SOFTENED, *PUBLISHED)
    for number, clip in enumerate(given.clip):
        path = str(next(given.corpus.glob(f"{clip}.*")))
        settings = Settings(sources=(path,), model=specs, end_s=given.seconds)
        with opened_sources(
            settings, str(given.keep / Path(clip).name), Reporter(quiet=True)
        ) as run:
            build(run, STAGES, ["stability"])
            if not given.no_still:
                replay_all(run, only=SOFTENED[5:])
            good = [int(k) for k in right[Path(clip).name].split(";")]
            for model in run.models:
                study = studied(run, model.name)
                own = study.answers[0].label
                left = {}
                for name, labels in labels_of(run, model.name).items():
                    after, before = flips_after(study.flips, labels), study.flips.before
                    unit = study.flips.clusters.label + 100 * number
                    rows = (
                        before,
                        after,
                        unit,
                        labels == own,
                        np.isin(own, good),
                        np.isin(labels, good),
                    )
                    pooled.setdefault(name, []).append(rows)
                    left[name] = f"{after.sum():.0f}"
                cells = [left.get(name, "not possible") for name in (*SOFTENED, *PUBLISHED)]
                table.row(model.name, clip, f"{before.sum():.0f} of {len(before)}", *cells)
    say("\nPooled:\n")
    say("| remedy | flips left | same answer | right answers before, after |\n|---|---|---|---|")
    for name, parts in pooled.items():
        before, after, unit, same, was, now = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        clusters = Clusters(np.unique(unit, return_inverse=True)[1], "stretch")
        found = paired_ratio(before, after, clusters, events=True)
        left = percent_with_interval(found.ratio, found.low, found.high)
        say(
            f"| {name} | {left} | {percent(same.mean())} | {percent(was.mean())}, {percent(now.mean())} |"
        )


if __name__ == "__main__":
    harness.run(main)
