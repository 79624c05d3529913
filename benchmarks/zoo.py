"""Which network keeps its mind in video?

    python benchmarks/zoo.py --models DIR [--also SPEC...] [--line-parts 8] [--clips FILE...] \
        [--seconds 4] [--family-seeds 3] [--keep DIR] [--page FILE]

Every network of a folder of ONNX files, EfficientNet-Lite0 and the two of the simulated line, on the clips that
come with the repository and on the simulated line with a wandering light: label changes and jitter of classifiers,
how many of their answers brightness, a shift and noise change, on the line how many are right; uncovered frames
and label changes of detectors; each with an interval over independent clips, parts or stretches, and the time a
frame. Two figures are called different only where their intervals are apart; with few clips most are not. Then a
family of tiny networks of the line, alike but for one idea each, in several seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import numpy as np
import pandas as pd
import torch
from harness import say
from line_family import KINDS, family

from vidrobust.errors import VidrobustError
from vidrobust.models.load import load_model
from vidrobust.models.predict import Model
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import plural

MEDIA = Path(__file__).parents[1] / "tests" / "footage_media"
CLIPS = (
    "cars.mp4",
    "cups.mp4",
    "dog.mp4",
    "line-bottles.mp4",
    "nasa.mp4",
    "line-bolt.gif",
    "line-fruit.gif",
)
LINE = ("line-classifier", "line-detector")
PERTURBATIONS = ("brightness", "translation", "gaussian_noise")
CHANGED, RIGHT = "changed", "top1"
METRICS = {
    "classification": {
        "flip_rate": "label changes",
        "revert_flip_rate": "there and back",
        "jitter": "jitter",
        CHANGED: "changed by a perturbation",
        RIGHT: "right answers",
    },
    "detection": {
        "uncovered_rate": "frames without a box on an object",
        "flip_rate": "label changes",
        "center_jitter": "jitter of the centre",
    },
}
UNITS = {"item": ("clip", "clips"), "part": ("part", "parts"), "stretch": ("stretch", "stretches")}
WHAT = {"classification": "classifier", "detection": "detector"}


def milliseconds(model: Model) -> float:
    """Of the processor, for a frame of 640 x 480 px in batches of eight; the median of five."""
    pixels = torch.randint(
        0, 256, (8, 3, 480, 640), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    model(pixels)
    spent = []
    for _ in range(5):
        begin = time.process_time()
        model(pixels)
        spent.append(time.process_time() - begin)
    return 1000 * float(np.median(spent)) / len(pixels)


def studied(
    sources: tuple[str, ...],
    specs: list[str],
    given: Any,
    out: Path,
    models: Sequence[Model] | None = None,
) -> pd.DataFrame:
    """The table ``stability`` over all clips, and beside its metrics the share that perturbations change."""
    settings = Settings(
        sources=sources, model=tuple(specs), perturbation=PERTURBATIONS, frames=given.frames
    ).changed({"end_s": given.seconds}, "--seconds")
    with opened_sources(settings, str(out), Reporter(quiet=True), models=models) as run:
        build(run, STAGES, ["stability", "sensitivity"])
        table, moved = run.table("stability"), run.table("sensitivity")
        parts = dict(zip(run.table("items")["item"], run.table("items")["part"], strict=True))
        tasks = {str(record["name"]): str(record["task"]) for record in run.model_records}
    table = pd.concat([table[table["item"] == ""], changed(moved, parts)], ignore_index=True)
    return table.assign(task=table["model"].map(tasks))


def changed(sensitivity: pd.DataFrame, parts: dict[str, str]) -> pd.DataFrame:
    """A row a classifier: the share of frames whose label a perturbation changes, over clips or parts."""
    rows = sensitivity[sensitivity["metric"] == "label_flip"]
    found = []
    for model, mine in rows.groupby("model", sort=False):
        unit = mine["item"].map(lambda item: parts.get(item) or item)
        clusters = Clusters(
            np.unique(unit, return_inverse=True)[1], "part" if any(parts.values()) else "item"
        )
        mean = clustered_mean(mine["value"].to_numpy(np.float64), clusters, bounds=(0.0, 1.0))
        own = {
            "model": model,
            "metric": CHANGED,
            "value": mean.value,
            "low": mean.low,
            "high": mean.high,
        }
        found.append({**own, "n": len(mine)})
    return pd.DataFrame(found)


def report(title: str, table: pd.DataFrame, speed: dict[str, float]) -> None:
    """A table for classifiers and one for detectors, the steadiest first."""
    say(f"\n## {title}")
    for task, metrics in METRICS.items():
        rows = table[table["task"] == task]
        models = list(dict.fromkeys(rows["model"]))
        if not models:
            continue
        found = {(r["model"], r["metric"]): r for r in rows.to_dict("records")}
        first_metric = next(iter(metrics))
        metrics = {
            m: title for m, title in metrics.items() if any((model, m) in found for model in models)
        }
        models.sort(key=lambda m: float(found.get((m, first_metric), {}).get("value", np.inf)))
        say(f"\n| {WHAT[task]} | {' | '.join(metrics.values())} | of | ms a frame |")
        say("|---|" + "---|" * (len(metrics) + 2))
        for model in models:
            cells = [_cell(found.get((model, metric)), metric) for metric in metrics]
            units = _of(found.get((model, first_metric), {}), task)
            say(
                f"| {model} | {' | '.join(cells)} | {units} | {number(speed.get(model, np.nan), 2)} |"
            )


def _of(row: dict[str, Any], task: str) -> str:
    """What the first column counts, and the independent units in it."""
    if not row:
        return "nothing"
    counted = "pairs" if task == "classification" else "frames of objects"
    return f"{int(row['n'])} {counted}, {plural(int(row['clusters']), *UNITS[row['cluster']])}"


def _cell(row: dict[str, Any] | None, metric: str) -> str:
    if row is None or not row["n"]:
        return "not measured"
    if metric.endswith("jitter"):
        if row["low"] != row["low"]:
            return f"{row['value']:.4f}, no interval"
        return f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
    return percent_with_interval(row["value"], row["low"], row["high"])


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--also", nargs="*", default=["efficientnet-lite0"], help="further specs")
    parser.add_argument("--clips", nargs="+", default=[str(MEDIA / clip) for clip in CLIPS])
    parser.add_argument("--line-parts", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--frames", type=int, default=48, help="perturbed, of all clips or parts")
    parser.add_argument("--family-seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    files = sorted(given.models.glob("*.onnx")) if given.models else []
    specs, speed = [], {}
    for spec in (*(f"onnx:{file}" for file in files), *given.also, *LINE):
        try:
            model = load_model(spec, device="cpu")
        except VidrobustError as error:
            say(f"{spec}: left out: {error}")
            continue
        specs.append(spec)
        speed[model.name] = milliseconds(model)
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        others = [spec for spec in specs if spec not in LINE]
        if others:
            found = studied(tuple(given.clips), others, given, folder / "zoo-clips")
            report(f"{len(given.clips)} clips of the repository", found, speed)
        line = folder / "zoo-line"
        if not (line / "manifest.csv").is_file():
            render(
                RenderSettings(
                    parts=given.line_parts, seconds=2.0, seed=8001, dials=("light=0.3",)
                ),
                line,
            )
        found = studied((str(line / "manifest.csv"),), specs, given, folder / "zoo-line-run")
        report(f"The simulated line, {given.line_parts} parts, light=0.3", found, speed)
        if given.family_seeds:
            report_family((str(line / "manifest.csv"),), given, folder)


def report_family(sources: tuple[str, ...], given: Any, folder: Path) -> None:
    """Of each kind the mean over seeds, and the least and most of them."""
    every = family(given.family_seeds, folder / "line-family")
    models: list[Model] = [model for members in every.values() for model in members]
    specs = [f"python:{model.name}" for model in models]
    table = studied(sources, specs, given, folder / "zoo-family-run", models)
    found = {(r["model"], r["metric"]): float(r["value"]) for r in table.to_dict("records")}
    say(
        f"\n## Tiny networks of the line, {plural(given.family_seeds, 'seed')} each: mean, least and most"
    )
    titles = METRICS["classification"]
    say(f"\n| network | what it is | weights | {' | '.join(titles.values())} | ms a frame |")
    say("|---|---|---|" + "---|" * (len(titles) + 1))
    for kind, members in every.items():
        cells = [_spread([found[m.name, metric] for m in members], metric) for metric in titles]
        size = sum(p.numel() for p in members[0].network.module.parameters())  # type: ignore[union-attr]
        ms = float(np.median([milliseconds(m) for m in members]))
        say(f"| {kind} | {KINDS[kind]} | {size} | {' | '.join(cells)} | {number(ms, 2)} |")


def _spread(values: list[float], metric: str) -> str:
    said = (lambda v: f"{v:.4f}") if metric == "jitter" else percent
    return f"{said(float(np.mean(values)))} ({said(min(values))} to {said(max(values))})"


if __name__ == "__main__":
    harness.run(main)
