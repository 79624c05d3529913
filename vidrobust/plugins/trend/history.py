"""What several runs say of one model, by date: rates, labels, causes, policy and stations."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.csv_table import read_columns
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.plugins.trend.change import Change, alarm_above, change_of
from vidrobust.run_folder.folder import is_run_folder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.policy.policy import Policy
from vidrobust.stages.policy.section import policy_files
from vidrobust.stages.stability.rates import overall
from vidrobust.text.numbers import known, percent, with_interval
from vidrobust.text.phrases import plural

DATE = re.compile(r"(?<!\d)(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?!\d)")
ACCURACIES = ("top1", "average_precision")
HALF = 0.5  # a cause explains a rise that is at least half its own


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run of the model."""

    run: str
    date: dt.date
    dated_by: str
    value: float
    low: float
    high: float
    n: int
    weights: str
    accuracy: float = float("nan")
    causes: dict[str, float] = field(default_factory=dict)  # share of the change
    stations: dict[str, tuple[float, int]] = field(default_factory=dict)  # events, trials
    policy: str = ""

    @property
    def events(self) -> float:
        return self.value * self.n


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The runs in the order of time, what changed, and what explains it."""

    model: str
    metric: Metric
    points: tuple[Point, ...]
    change: Change
    alarm: float
    runs_a_year: float
    cause: str
    first_in: str
    notes: tuple[str, ...]

    @property
    def since(self) -> dt.date | None:
        return self.points[self.change.since].date if self.change.verdict == "changed" else None

    @property
    def sentence(self) -> str:
        """What changed, since when, by how much, why and where first."""
        called = self.metric.wording.called if self.metric.wording else ""
        what = called or self.metric.title.lower()
        if self.change.verdict == "cannot tell":
            return f"Cannot tell whether the {what} changes: {plural(len(self.points), 'run')} of at least 6 needed."
        if self.since is None:
            return f"No change of the {what} is seen over {plural(len(self.points), 'run')}."
        factor = with_interval(self.change.factor, self.change.low, self.change.high)
        times = f"is {factor} times what it was" if known(self.change.factor) else "is another one"
        parts = [f"Since {self.since:%-d %B %Y} the {what} {times}"]
        parts += [f"{self.cause} explains most of the rise"] if self.cause else []
        parts += [f"first in station {self.first_in}"] if self.first_in else []
        return "; ".join(parts) + "."


def run_folders(targets: Sequence[Path]) -> list[Path]:
    """Return the run folders among the targets, and those inside of folders that are none."""
    found: list[Path] = []
    for target in targets:
        inside = (
            [target] if is_run_folder(target) else sorted(filter(is_run_folder, target.glob("*")))
        )
        if not inside:
            raise InputError(f"{target}: is no run folder and holds none")
        found += inside
    return found


def trend_of(
    folders: Sequence[Path], model: str = "", dates: Path | None = None, seed: int = 0
) -> Trend:
    """Read the runs of a model and say what changes over them."""
    runs = [RunTables(folder) for folder in folders]
    names = [name for run in runs for name in run.tasks]
    if not names or (model and model not in names):
        raise SettingsError(f"--model {model}: the runs hold {', '.join(dict.fromkeys(names))}")
    model = model or max(dict.fromkeys(names), key=names.count)
    holding = [run for run in runs if model in run.tasks]
    tasks = {run.tasks[model].name: run.tasks[model] for run in holding}
    if len(tasks) > 1:
        raise SettingsError(f"{model}: is a model of several tasks: {', '.join(tasks)}")
    (task,) = tasks.values()
    metric = find_metric(task.answered[0], task.name)
    assert metric is not None
    given = _given_dates(dates)
    every = [_point(run, model, metric, given) for run in holding]
    points = sorted((p for p in every if p.n), key=lambda p: (p.date, p.run))
    if not points:
        raise InputError(f"{model}: no run has a {metric.title.lower()}")
    events, n = (np.array([getattr(p, name) for p in points]) for name in ("events", "n"))
    change = change_of(events, n, seed=seed)
    changed = change.verdict == "changed"
    # what is expected of the next run is what holds since the change, once enough runs show it
    calm = slice(change.since, None) if changed else slice(None)
    days = (points[-1].date - points[0].date).days
    a_year = 365.25 * (len(points) - 1) / days if days else float("nan")
    rising = changed and change.factor > 1
    return Trend(
        model=model,
        metric=metric,
        points=tuple(points),
        change=change,
        alarm=alarm_above(events[calm], n[calm], a_year),
        runs_a_year=a_year,
        cause=_cause(points, change) if rising else "",
        first_in=_first_station(points, seed) if rising else "",
        notes=tuple(_notes(points, len(runs) - len(points), model)),
    )


def _given_dates(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    table = read_columns(path)
    if not {"run", "date"} <= set(table):
        raise InputError(f"{path}: expected the columns run and date, got {', '.join(table)}")
    return dict(zip(table["run"].astype(str), table["date"].astype(str), strict=True))


def _date(folder: Path, given: dict[str, str]) -> tuple[dt.date, str]:
    text, by = given.get(folder.name, ""), "--dates"
    if not text:
        text, by = folder.resolve().name, "the name of the run"
    for year, month, day in DATE.findall(text):
        try:
            return dt.date(int(year), int(month), int(day)), by
        except ValueError:
            continue
    if by == "--dates":
        raise InputError(f"--dates: {folder.name}: expected a date as 2026-11-12, got {text!r}")
    return dt.date.fromtimestamp((folder / "run.json").stat().st_mtime), "when the run was made"


def _point(run: RunTables, model: str, metric: Metric, given: dict[str, str]) -> Point:
    stability = run.rows("stability")
    figure = overall(stability, model, metric.name)
    date, dated_by = _date(run.folder, given)
    account = run.rows("account")
    causes = account[
        (account["model"] == model) & (account["item"] == "") & (account["level"] == "cause")
    ]
    station = {entry.item: entry.station for entry in run.record.inputs if entry.station}
    rows = stability[(stability["model"] == model) & (stability["metric"] == metric.name)]
    rows = rows.assign(station=rows["item"].map(station)).dropna(subset=["station", "value"])
    stations = {
        str(name): (float((part["value"] * part["n"]).sum()), int(part["n"].sum()))
        for name, part in rows.groupby("station")
    }
    accuracies = (overall(stability, model, name)["value"] for name in ACCURACIES)
    policies = [
        policy for file in policy_files(run) if (policy := Policy.read(file)).model == model
    ]
    steps = [step.in_words for policy in policies for step in policy.actions]
    return Point(
        run=run.folder.resolve().name,
        date=date,
        dated_by=dated_by,
        **{name: float(figure[name]) for name in ("value", "low", "high")},
        n=int(figure["n"]) if known(figure["value"]) else 0,
        weights=next((m.weights_sha256 for m in run.record.models if m.name == model), ""),
        accuracy=next((float(value) for value in accuracies if known(value)), float("nan")),
        causes={str(r.cause): float(np.clip(r.share, 0, 1)) for r in causes.itertuples()},
        stations=stations,
        policy="; ".join(steps) or ("none" if policies else ""),
    )


def _cause(points: Sequence[Point], change: Change) -> str:
    """The cause whose part of the rate rises by most, where that is at least half of the rise in every half of it."""
    sides = points[: change.since], points[change.since :]
    if not all(p.causes for p in points):
        return ""
    rise = _mean(sides[1]) - _mean(sides[0])
    names = dict.fromkeys(name for p in points for name in p.causes)
    parts = {name: _mean(sides[1], name) - _mean(sides[0], name) for name in names}
    best = max(parts, key=lambda name: parts[name], default="")
    if not best or parts[best] < HALF * rise:
        return ""
    # found again: odd and even runs after the change, each by itself
    halves = (sides[1][::2], sides[1][1::2])
    again = all(_mean(half, best) - _mean(sides[0], best) >= HALF * rise for half in halves)
    return best.replace("_", " ") if again else ""


def _mean(points: Sequence[Point], cause: str = "") -> float:
    return float(np.mean([p.value * (p.causes.get(cause, 0.0) if cause else 1.0) for p in points]))


def _first_station(points: Sequence[Point], seed: int) -> str:
    """The station that changes before all others, or alone; "" where that is not told apart."""
    names = set.intersection(*(set(p.stations) for p in points))
    if len(names) < 2:
        return ""
    since: dict[str, int] = {}
    for name in sorted(names):
        events, n = np.array([p.stations[name] for p in points], np.float64).T
        one = change_of(events, n, seed=seed, asked=len(names))
        if one.verdict == "changed" and not one.factor < 1:
            since[name] = one.since
    first = [name for name, run in since.items() if run == min(since.values())]
    return first[0] if len(first) == 1 else ""


def _notes(points: Sequence[Point], missing: int, model: str) -> list[str]:
    notes = []
    if missing:
        notes.append(f"{plural(missing, 'run')} without a rate of {model} left out")
    if any(p.dated_by == "when the run was made" for p in points):
        notes.append(
            "some runs are dated by when they were made; give --dates, or dates in their names"
        )
    weights = [p.weights for p in points]
    for before, now in itertools.pairwise(points):
        if before.weights != now.weights:
            notes.append(f"other weights from {now.date} on")
    if len(set(weights)) > 1:
        notes.append("a change may be that of the model, not of the line")
    lengths = [p.n for p in points]
    if max(lengths) > 4 * min(lengths):
        notes.append("runs differ more than fourfold in length: the limit is of one of mean length")
    return notes


def table_of(trend: Trend) -> pd.DataFrame:
    """Return a row a run, as the page and the Excel file show it."""
    causes = dict.fromkeys(name for p in trend.points for name in p.causes)
    rows: list[dict[str, Any]] = [
        {
            "date": p.date.isoformat(),
            "run": p.run,
            trend.metric.name: p.value,
            "low": p.low,
            "high": p.high,
            "n": p.n,
            "accuracy": p.accuracy,
            **{f"share {name}": p.causes.get(name, np.nan) for name in causes},
            **{f"station {name}": e / m if m else np.nan for name, (e, m) in p.stations.items()},
            "policy": p.policy,
            "alarm": bool(known(trend.alarm) and p.value > trend.alarm),
        }
        for p in trend.points
    ]
    return pd.DataFrame(rows)


def alarm_words(trend: Trend) -> str:
    """The rule for an alarm, with how often it is false."""
    if not known(trend.alarm):
        return "No alarm limit yet: at least 6 runs on different days are needed since the last change."
    length = round(float(np.mean([p.n for p in trend.points])))
    return (
        f"Alarm where a run has more than {percent(trend.alarm)} (of about {length}): false about once in four years "
        f"at {trend.runs_a_year:.0f} runs a year."
    )
