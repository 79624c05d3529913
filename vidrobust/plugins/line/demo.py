"""The second demo: every stage on the simulated line; what was planted beside what was found."""

from __future__ import annotations

import contextlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.cli.app import cli
from vidrobust.files.csv_table import read_columns
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.line.dials import BY_NAME, station_settings
from vidrobust.plugins.line.lamp import rendered, studied_run
from vidrobust.plugins.line.parts import LABELS
from vidrobust.plugins.line.render import RenderSettings
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.answer.text import console_text
from vidrobust.stages.causes.catalogue import TITLES
from vidrobust.stages.variation.spread import title_of
from vidrobust.text.numbers import number, part_with_interval, percent
from vidrobust.text.phrases import listing

# What was planted, from the truth, in the quantities and units in which a run's tables hold what was found.

# Quantities of the table ``spread``, and the columns of the truth that hold their condition.
SPREAD = {
    "gain": "gain",
    "hue_deg": "hue_deg",
    "shift_x_px": "shake_x_px",
    "shift_y_px": "shake_y_px",
    "sharpness": "focus_px",
}


def planted_spread(truth: pd.DataFrame) -> dict[str, float]:
    seen = truth[truth["whole"].to_numpy(bool)]
    spreads = {}
    for quantity, column in SPREAD.items():
        value = seen[column].to_numpy(float)
        if quantity == "gain":
            value = np.log(np.maximum(value, 1e-3))
        elif quantity == "sharpness":
            value = value**2
        value = pd.Series(
            value - pd.Series(value).groupby(seen["item"].to_numpy()).transform("median")
        )
        low, high = np.percentile(value, (2.5, 97.5))
        half = (high - low) / 2
        spreads[quantity] = {"gain": math.expm1(half), "sharpness": math.sqrt(high - low)}.get(
            quantity, half
        )
    return {quantity: float(value) for quantity, value in spreads.items()}


MODELS = ("line-classifier", "line-detector")
# Two stations see the same parts twice; at the second one the lamp sways and the camera shakes.
LINE = RenderSettings(
    parts=8, passes=2, stations=2, seconds=1.0, seed=7, dials=("2:light=0.5", "2:shake=8")
)
# Five frames, one a strength, and four pairs for each of the 32 clips.
STUDY = Settings(model=MODELS, frames=160, pairs=128, resamples=2000)
# What the classifier and the detector call a defect.
DEFECTS = (*(name for name in LABELS if name.endswith("-defect")), "defect")
REPEATABILITY = "repeatability"  # Command that studies the verdicts, where a plugin brings it
# Causes that are there with all dials at rest: the belt runs
AT_REST = ("objects", "came_into_view")


def demo_line(
    out: str, reporter: Reporter, *, line: RenderSettings = LINE, study: Settings = STUDY
) -> list[str]:
    """Render, study, judge the repeatability; the lines of the answer."""
    footage = Path(f"{out.rstrip('/')}-footage")
    clips = rendered(footage, line, reporter)
    tables = studied_run(clips, study, out, reporter)
    manifest, truth = read_columns(clips), pd.read_parquet(footage / "truth.parquet")
    lines = []
    if REPEATABILITY in cli.commands:
        stations = dict(zip(manifest["item"], manifest["station"], strict=True))
        lines += ["Repeatability", *verdicts_words(_repeatability(out), stations)]
    lines += ["What was planted, and what was found", *planted_words(tables, truth, line)]
    return [*console_text(tables).splitlines(), *lines]


def _repeatability(out: str) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        options = ["--profile=aiag", f"--defect={','.join(DEFECTS)}", "--pass-fail", "--quiet"]
        cli.main([REPEATABILITY, out, *options], standalone_mode=False)
    study: dict[str, Any] = RunTables(Path(out)).json("repeatability.json")
    return study


def verdicts_words(results: dict[str, Any], stations: dict[str, str]) -> list[str]:
    """Return a line a model."""
    lines = []
    table = pd.DataFrame(results["per_part"])
    table["right"] = table["value"].isin(DEFECTS) == table["reference"].isin(DEFECTS)
    for model, mine in table.groupby("model", sort=False):
        same = results["attribute"]["within_operator"][model]["agreement"]
        right = [
            f"{rows['right'].sum()} of {len(rows)} at {station}"
            for station, rows in mine.groupby(mine["item"].map(stations), sort=True)
        ]
        lines.append(
            f"  {model}: the same verdict in all passes of {same['count']} of {same['n']} parts; right in "
            f"{listing(right)}"
        )
    return lines


def planted_words(tables: RunTables, truth: pd.DataFrame, line: RenderSettings) -> list[str]:
    """A line a planted dial, and one for what is named and was not planted."""
    settings = station_settings(line.dials, line.stations)
    rest = station_settings((), 1)[0]
    account, named, spread = tables.table("account"), tables.table("named"), tables.table("spread")
    if account is None or spread is None:
        return ["  nothing could be measured"]
    model = MODELS[0]
    shares = account[(account["model"] == model) & (account["item"] == "")]
    shares = shares[shares["level"] == "cause"].set_index("cause")
    causes = set()
    if named is not None:
        causes = set(named.loc[(named["model"] == model) & (named["level"] == "cause"), "cause"])
    measured = spread[spread["item"] == ""].set_index("quantity")["spread"]
    planted, summary, there = planted_spread(truth), [], set(AT_REST)
    for name, dial in BY_NAME.items():
        turned = [f"station-{n}" for n, one in enumerate(settings, 1) if one[name] != rest[name]]
        if not turned:
            continue
        there |= set(dial.causes)
        texts = [
            f"{title_of(q)} planted {_size(q, planted[q])}, found {_size(q, measured[q])}"
            for q in dial.quantities
            if q in planted and q in measured
        ]
        for cause in dial.causes[:1]:
            share, low, high = shares.loc[cause, ["share", "low", "high"]]
            of_change = f"{part_with_interval(share, low, high)} of the change"
            texts.append(
                f"{TITLES[cause]} is {'named' if cause in causes else 'not named'}, {of_change}"
            )
        summary.append(f"  {name} at {listing(turned)}: {'; '.join(texts)}")
    others = [TITLES[cause] for cause in TITLES if cause in causes - there]
    return [*summary, f"  not planted, but named: {listing(others) if others else 'nothing'}"]


def _size(quantity: str, spread: float) -> str:
    if quantity == "gain":
        return f"± {percent(spread)}"
    return f"0 to {number(spread)}" if quantity == "sharpness" else f"± {number(spread)}"
