"""The same frames through variants of the chain: what changes in the answers, as a table, lines and a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.accuracy.average_precision import BOX
from vidrobust.errors import InputError, first_line
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item import Item
from vidrobust.metrics.box_differences import BIRTH
from vidrobust.metrics.class_differences import total_variation
from vidrobust.models.load import load_model
from vidrobust.models.predict import Predictions
from vidrobust.plugins.comparison.agreement import Agreement, box_agreement, label_agreement
from vidrobust.plugins.comparison.chain import FLOOR, VARIANTS, Chain, Variant
from vidrobust.predictions import Classifications, Detections
from vidrobust.report import drawing
from vidrobust.report.pages import write_page
from vidrobust.statistics.intervals import Interval
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import capital, listing, plural
from vidrobust.video.source import open_video

FRAMES = 90  # of each clip: three seconds of most recordings
CHOOSE = "Choose frames that show objects."
MOST_BYTES = 2**29  # of one clip's pictures in memory; a variant holds them twice


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was found, and variants that could not be tried with their reasons."""

    table: pd.DataFrame
    chains: tuple[str, ...]  # the chain that the others are compared with, a line a model
    left_out: Mapping[str, str]
    task: str


def pipelines_of(
    clips: Sequence[str], spec: str, *, frames: int = FRAMES, device: str = "cpu"
) -> Asked:
    """Return how the answers to the first frames of clips change with each variant of the chain.

    Raises
    ------
    InputError
        There is no footage, or a clip cannot be read.
    SettingsError
        The model cannot be loaded, or looks at no pixels.
    """
    expanded = expand_sources(clips)
    if expanded.problems or not expanded.items:
        raise InputError("; ".join(str(p) for p in expanded.problems) or "there is no footage")
    model = load_model(spec, device=device)
    if model.task not in ("classification", "detection"):
        raise InputError(f"model {model.name}: pipelines is for classifiers and detectors")
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for item in expanded.items:
        chain = Chain(item=item, frames=_fitting(item, frames), model=model)
        rows += _rows(chain, left_out)
    info = getattr(model, "info", None)
    said = f"{model.name}: {info.preprocessing}; {info.engine}" if info else model.name
    return Asked(
        table=tables.of_rows("pipelines", rows),
        chains=(f"PyAV, colours as ffmpeg's; {said}",),
        left_out=left_out,
        task=model.task,
    )


def _fitting(item: Item, frames: int) -> int:
    with open_video(item.path, item=item.name, device="cpu") as source:
        each = 3 * source.info.width * source.info.height
    return max(1, min(frames, MOST_BYTES // each))


def _rows(chain: Chain, left_out: dict[str, str]) -> Iterator[dict[str, Any]]:
    pixels = chain.pixels()
    shown = chain.edited(pixels)
    before, inputs = chain.answer(shown), chain.tensor(shown)
    for variant in VARIANTS:
        try:
            other = variant.change(chain)
            if other is None:
                continue
            seen = pixels if other.source == chain.source else other.pixels()
            shown = other.edited(seen)
            after, given = other.answer(shown), other.tensor(shown)
        except Exception as error:  # engines, decoders and exporters raise whatever they like
            left_out[variant.name] = first_line(error)
            continue
        if len(seen) != len(pixels):
            left_out[variant.name] = f"{len(seen)} frames of {len(pixels)}"
            continue
        yield _row(chain, variant, (before, after), (inputs, given))


def _row(
    chain: Chain,
    variant: Variant,
    answers: tuple[Predictions, Predictions],
    inputs: tuple[torch.Tensor | None, torch.Tensor | None],
) -> dict[str, Any]:
    before, after = answers
    found = agreement_of_answers(before, after, chain.item.name)
    rate = found.rate if found.has_answers else Interval.unknown()
    one, other = inputs
    gap = math.nan
    if one is not None and other is not None and one.shape == other.shape:
        gap = float((one - other).abs().max())
    apart, flips_before, flips_after = math.nan, math.nan, math.nan
    if isinstance(before, Classifications) and isinstance(after, Classifications):
        flips_before, flips_after = float(_flips(before)), float(_flips(after))
        if not before.partial:
            apart = float(total_variation(before.probabilities, after.probabilities).mean())
    return {
        "model": chain.model.name,
        "item": chain.item.name,
        "stage": variant.stage,
        "variant": variant.name,
        "changed": rate.value,
        "low": rate.low,
        "high": rate.high,
        "n": rate.n,
        "flips": flips_after,
        "flips_before": flips_before,
        "total_variation": apart,
        "tensor": gap,
        "mistake": variant.mistake,
    }


def _flips(answers: Classifications) -> int:
    return int((answers.labels[1:] != answers.labels[:-1]).sum())


def agreement_of_answers(a: Predictions, b: Predictions, item: str) -> Agreement:
    """Return the agreement of two predictions of the same consecutive frames; boxes count from ``BIRTH`` on.

    Intervals are over ten equal stretches of the frames (batch means), however short: neighbours differ alike.
    """
    if isinstance(a, Detections) and isinstance(b, Detections):
        seen = pd.DataFrame({"item": item, "frame": np.arange(a.num_frames)})
        seen["time_s"] = seen["frame"].astype(float)
        return box_agreement(seen, _boxes(a, item), _boxes(b, item))
    assert isinstance(a, Classifications)
    assert isinstance(b, Classifications)
    return label_agreement(_labels(a, item), _labels(b, item))


def _labels(answers: Classifications, item: str) -> pd.DataFrame:
    labels, rows = answers.labels, np.arange(len(answers))
    return pd.DataFrame(
        {
            "item": item,
            "frame": rows,
            "time_s": rows.astype(float),
            "label_name": [f"{answers.class_names[k]} ({k})" for k in labels],
            "score": answers.probabilities[rows, labels].astype(np.float64),
        }
    )


def _boxes(answers: Detections, item: str) -> pd.DataFrame:
    sure = answers.take(answers.scores >= BIRTH)
    table = pd.DataFrame(sure.boxes.astype(np.float64), columns=list(BOX))
    names = [answers.class_names[k] for k in sure.labels]
    return table.assign(item=item, frame=sure.frame, label_name=names, score=sure.scores)


def pooled(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a variant, the largest change first; of several clips the mean weighted by frames."""
    rows = []
    for (stage, name), of in table.groupby(["stage", "variant"], sort=False):
        known = of[of["n"] > 0]
        share = (
            float(np.average(known["changed"], weights=known["n"])) if of["n"].sum() else math.nan
        )
        alone = len(of) == 1
        rows.append(
            {
                "stage": str(stage),
                "variant": str(name),
                "changed": share,
                # of several clips the spread over them is what is known
                "low": float(of["low"].iloc[0] if alone else of["changed"].min()),
                "high": float(of["high"].iloc[0] if alone else of["changed"].max()),
                "n": int(of["n"].sum()),
                "mistake": bool(of["mistake"].any()),
                "words": next(v.words for v in VARIANTS if v.name == name and v.stage == stage),
            }
        )
    return sorted(rows, key=lambda row: -row["changed"] if row["n"] else math.inf)


def noise_floor(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest share that changes where only batch or threads differ; NaN where nothing was compared."""
    return max(
        (row["changed"] for row in rows if row["stage"] in FLOOR and row["n"]), default=math.nan
    )


def lines_of(asked: Asked) -> list[str]:
    """Return the answer as lines: the stages by what they change, then probable mistakes, then the table."""
    rows = pooled(asked.table)
    what = "labels" if asked.task == "classification" else "boxes"
    usual = [row for row in rows if not row["mistake"] and row["stage"] not in FLOOR]
    by_stage: dict[str, dict[str, Any]] = {}
    for row in usual:
        by_stage.setdefault(row["stage"], row)
    if rows and not rows[0]["n"]:
        seen = [f"No box was found in any variant: there is nothing to compare. {CHOOSE}"]
        return [*seen, *(f"Compared with: {chain}" for chain in asked.chains)]
    lines = []
    if usual and usual[0]["n"] < FEWEST_ROWS:
        lines.append(f"Not enough data: {plural(usual[0]['n'], 'frame')}, {FEWEST_ROWS} needed.")
    elif usual:
        first, *rest = by_stage.values()
        figure = percent_with_interval(first["changed"], first["low"], first["high"])
        others = " ".join(f"{capital(row['stage'])}: {percent(row['changed'])}." for row in rest)
        lines.append(
            f"{first['words']}, the {what} of {figure} of the frames differ. {others}".rstrip()
        )
    mistakes = [
        f"{row['words'][0].lower()}{row['words'][1:]} {percent(row['changed'])}"
        for row in rows
        if row["mistake"]
    ]
    if mistakes:
        lines.append(f"Probable mistakes, if a program makes them: {listing(mistakes)}.")
    floor = noise_floor(rows)
    lines.append(f"Noise floor (batch, threads): {percent(floor)}.")
    lines += [f"Compared with: {chain}" for chain in asked.chains]
    lines += [
        f"  {row['stage']:10} {row['variant']:20} {percent_with_interval(row['changed'], row['low'], row['high']):20} "
        f"of {row['n']}"
        for row in rows
    ]
    lines += [f"  not tried: {name} ({why})" for name, why in asked.left_out.items()]
    return lines


def write_pipelines(folder: Path, asked: Asked) -> Path:
    """Write ``pipelines.parquet`` and ``pipelines.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    tables.write("pipelines", asked.table, folder)
    rows = pooled(asked.table)
    lines = lines_of(asked)
    with drawing.styled():
        picture = drawing.in_both_widths(lambda width: _drawn(rows, width))
    items = sorted(set(asked.table["item"]))
    content = {
        "title": f"Other pipelines, {plural(len(items), 'clip')}",
        "sentences": [line for line in lines if not line.startswith(" ")],
        "picture": picture,
        "rows": [
            {
                **row,
                "changed": percent_with_interval(row["changed"], row["low"], row["high"]),
                "flips": number(row["flips"]),
                "flips_before": number(row["flips_before"]),
                "total_variation": number(row["total_variation"]),
                "tensor": number(row["tensor"]),
            }
            for row in asked.table.to_dict("records")
        ],
        "left_out": dict(asked.left_out),
    }
    return write_page(folder / "pipelines.html", "pipelines.html", content, __package__)


def _drawn(rows: Sequence[Mapping[str, Any]], width: float) -> drawing.Picture:
    figure, axes = drawing.panels(1, 1, 0.6 + 0.2 * len(rows), width_in=width)
    one, floor = axes[0, 0], noise_floor(rows)
    values, lows, highs = (
        100 * np.array([row[name] for row in rows]) for name in ("changed", "low", "high")
    )
    colours = [drawing.COLOURS[1] if row["mistake"] else drawing.COLOURS[0] for row in rows]
    names = [f"{row['stage']}: {row['variant']}" for row in rows]
    drawing.forest(one, names, values, lows, highs, colours=colours)
    one.axvline(100 * floor, color=drawing.GREY, linewidth=1, linestyle="--")
    one.set_xlabel("frames whose answer differs, %; dashed: noise floor; orange: mistakes")
    most = f"{names[0]} {percent(rows[0]['changed'])}" if rows else "none"
    return drawing.encode(
        figure, f"Share of frames with another answer by variant; the largest: {most}."
    )
