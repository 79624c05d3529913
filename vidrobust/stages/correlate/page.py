"""correlation.html: the matrix as a picture, a scatter for each proxy, and a sentence for each family.

Everything shown is read from the tables ``correlation`` and ``correlation_units``, so that it can be made anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric, metric_of_column
from vidrobust.report.drawing import THEMES
from vidrobust.report.glossary import phrase
from vidrobust.report.pages import write_page as write_html
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.correlate.coefficients import PARTIAL
from vidrobust.stages.correlate.section import ACROSS, each_study, primary_rows
from vidrobust.stages.correlate.studies import FILE
from vidrobust.stages.correlate.verdicts import CANNOT_TELL, PROXY, Need
from vidrobust.statistics.associations import partial_ranks, ranks
from vidrobust.text.numbers import number, with_interval
from vidrobust.text.phrases import capital

PAGE = "correlation.html"
RAW = "pearson"  # the coefficient of the matrix of Gu et al. 2019
MOST_FAILED = 4  # scatters of families that were expected to be proxies and are none
SMALLEST, LARGEST = 2.0, 9.0  # radius of a dot whose interval has the width 2, and 0, in px
PALE = 0.25  # opacity of what is not surely beyond 0


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A coefficient of the matrix, drawn at (x, y) px; ``radius`` grows as its interval narrows."""

    x: float
    y: float
    radius: float
    colour: str
    opacity: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Label:
    """A word of a picture at (x, y) px."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Sensitivities in rows, sorted by family, against kinds of instability in columns."""

    title: str
    rows: tuple[Label, ...]
    families: tuple[Label, ...]
    rules: tuple[float, ...]  # heights at which a family ends, px
    columns: tuple[Label, ...]
    dots: tuple[Dot, ...]
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """A unit of a scatter at (x, y) px, and what a reader sees over it."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """A family against the instability, both less what the confounders explain; the line has the slope of the ranks."""

    title: str
    said: str
    points: tuple[Point, ...]
    line: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class FamilyVerdict:
    """What one family is, in a sentence."""

    verdict: str
    text: str


@dataclass(frozen=True, kw_only=True)
class StudyPage:
    """One study of the page."""

    title: str
    n: str
    given: str
    matrices: tuple[Matrix, ...]
    scatters: tuple[Scatter, ...]
    families: tuple[FamilyVerdict, ...]


@dataclass(frozen=True, kw_only=True)
class PublishedValue:
    """A published statement beside the same figure from the table that was correlated."""

    statement: str
    published: str
    here: str


def write_page(folder: RunFolder, published: Sequence[PublishedValue] = ()) -> Path:
    """Write ``correlation.html`` of a run folder, or of one that holds a correlation alone; return its path."""
    run = RunTables(folder.path)
    table, units = run.rows("correlation"), run.rows("correlation_units")
    studies = [_study(across, model, rows, units) for across, model, rows in each_study(table)]
    notes = run.json(FILE)
    return write_html(
        folder.path / PAGE,
        PAGE,
        {
            "title": f"Correlation, {folder.path.name}",
            "studies": studies,
            "left_out": notes.get("left_out", []),
            "published": published,
        },
    )


def _study(across: str, model: str, rows: pd.DataFrame, units: pd.DataFrame) -> StudyPage:
    main = primary_rows(rows)
    main = main.assign(family=main["family"].where(main["family"] != "", main["perturbation"]))
    main = main.sort_values(["family", "perturbation"], kind="stable")
    its_units = units[(units["across"] == across) & (units["model"].fillna("") == model)]
    given = str(main["given"].iloc[0])
    partial = f"Given {given.replace('_', ' ')}" if given else "Nothing is known to be given"
    matrices = [
        _matrix(title, rows[rows["method"] == method], main)
        for title, method in ((partial, PARTIAL), ("Raw (Pearson), as in Gu et al. 2019", RAW))
        if (rows["method"] == method).any()
    ]
    families = main.drop_duplicates("family")
    raw = _strongest_raw(rows, main)
    order = sorted(families["family"], key=lambda name: -raw.get(name, -1.0))
    of = families.set_index("family")
    proxies = [name for name in order if of.loc[name, "family_verdict"] == PROXY]
    failed = [name for name in order if name not in proxies][:MOST_FAILED]
    scatters = [_scatter(name, of.loc[name], main, its_units) for name in [*proxies, *failed]]
    where = ACROSS.get(across, f"across {across}")
    return StudyPage(
        title=capital(where) + (f", {model}" if model else ""),
        n=f"{int(main['n'].max())} {across}",
        given=given.replace("_", " "),
        matrices=tuple(matrices),
        scatters=tuple(each for each in scatters if each is not None),
        families=tuple(_verdict(name, row, across) for name, row in of.iterrows()),
    )


def _strongest_raw(rows: pd.DataFrame, main: pd.DataFrame) -> dict[str, float]:
    """The strongest raw coefficient of each family under the primary metrics: what one expects before conditioning."""
    raw = rows[(rows["method"] == RAW) & rows["primary"].fillna(False).astype(bool)]
    family = main.set_index("perturbation")["family"]
    return raw.groupby(raw["perturbation"].map(family))["value"].max().dropna().to_dict()


# Geometry of a matrix: what stands left of the dots and above them, and the pitch of the dots, px.
NAMES, HEADINGS, ACROSS_PX, DOWN_PX = 210, 66, 84, 21


def _matrix(title: str, rows: pd.DataFrame, main: pd.DataFrame) -> Matrix:
    keys = ["perturbation", "strength", "sensitivity_metric"]
    shown = rows.merge(main[keys], on=keys)
    metrics = list(dict.fromkeys([*main["stability_metric"], *shown["stability_metric"]]))
    place = {name: k for k, name in enumerate(main["perturbation"])}
    dots = [
        _dot(row, NAMES + ACROSS_PX * (metrics.index(row.stability_metric) + 0.5), place)
        for row in shown.itertuples()
        if math.isfinite(row.value)
    ]
    ends = [k for k in range(1, len(main)) if main["family"].iloc[k] != main["family"].iloc[k - 1]]
    starts = [0, *ends]
    return Matrix(
        title=title,
        rows=tuple(
            Label(x=NAMES - 8, y=_height(k), text=phrase(name).noun) for name, k in place.items()
        ),
        families=tuple(Label(x=0, y=_height(k), text=str(main["family"].iloc[k])) for k in starts),
        rules=tuple(HEADINGS + DOWN_PX * k for k in ends),
        columns=tuple(
            Label(
                x=NAMES + ACROSS_PX * (k + 0.5),
                # the last of its lines, 11 px each, ends above the first dot
                y=HEADINGS - 5 - 11 * len(_heading(name)),
                text=" ".join(_heading(name)),
            )
            for k, name in enumerate(metrics)
        ),
        dots=tuple(dots),
        width=NAMES + ACROSS_PX * len(metrics),
        height=HEADINGS + DOWN_PX * len(main) + 6,
    )


def _heading(name: str) -> list[str]:
    return metric_name(name).partition("(")[0].replace("-", "- ").split()


def _height(row: int) -> float:
    return HEADINGS + DOWN_PX * (row + 0.5)


def _dot(row: Any, x: float, place: dict[str, int]) -> Dot:
    known = math.isfinite(row.low) and math.isfinite(row.high)
    width = min(max(row.high - row.low, 0.0), 2.0) if known else 2.0
    beyond = known and (row.low > 0 or row.high < 0)
    strength = 0.35 + 0.65 * min(abs(row.value), 1.0)
    said = with_interval(row.value, row.low, row.high) if known else number(row.value)
    return Dot(
        x=x,
        y=_height(place[row.perturbation]),
        radius=round(LARGEST - (LARGEST - SMALLEST) * width / 2, 1),
        colour=THEMES["light"]["c1" if row.value >= 0 else "c2"],
        opacity=round(strength if beyond else PALE * strength, 2),
        title=f"{phrase(row.perturbation).noun}, {metric_name(row.stability_metric)}: {said}, n {row.n}",
    )


def metric_name(name: str) -> str:
    """Return the title of a stability metric; its name with blanks where none is known."""
    record = find_metric(name) or metric_of_column(name)
    return str(getattr(record, "title", "") or name.replace("_", " "))


SIDE, EDGE = 230, 26  # of a scatter, and its margin, px


def _scatter(name: str, row: pd.Series, main: pd.DataFrame, units: pd.DataFrame) -> Scatter | None:
    by_kind = {
        kind: part.pivot_table(index="unit", columns="name", values="value", sort=False)
        for kind, part in units.groupby("kind")
    }
    target = str(main["stability_metric"].iloc[0])
    # a family is named by what its perturbations are called together, or by its only one
    if (
        "family" not in by_kind
        or name not in by_kind["family"]
        or target not in by_kind["instability"]
    ):
        return None
    table = pd.concat([by_kind["family"][name], by_kind["instability"][target]], axis=1)
    given = by_kind.get("confounder", pd.DataFrame(index=table.index))
    known = table.notna().all(axis=1) & given.reindex(table.index).notna().all(axis=1)
    table = table[known]
    if len(table) < 3:
        return None
    x, y = residual_ranks(
        table.to_numpy(np.float64), given.reindex(table.index).to_numpy(np.float64)
    )
    spread = max(np.abs(x).max(), np.abs(y).max(), 1e-9)

    def px(value: np.ndarray | float) -> np.ndarray:
        return np.asarray(SIDE / 2 + (SIDE / 2 - EDGE) * np.asarray(value) / spread)

    slope = float(x @ y / (x @ x)) if x @ x > 0 else 0.0
    ends = np.array([x.min(), x.max()])
    points = [
        Point(
            x=round(float(px(a)), 1),
            y=round(float(SIDE - px(b)), 1),
            title=f"{unit}: sensitivity rank {number(s)}, {metric_name(target)} {number(v)}",
        )
        for unit, a, b, (s, v) in zip(table.index, x, y, table.to_numpy(), strict=True)
    ]
    partial = with_interval(row.family_value, row.family_low, row.family_high)
    line = [*px(ends), *(SIDE - px(slope * ends))]
    return Scatter(
        title=capital(name),
        said=f"{partial}, n {len(table)}: {row.family_verdict}",
        points=tuple(points),
        line=(round(line[0], 1), round(line[2], 1), round(line[1], 1), round(line[3], 1)),
    )


def residual_ranks(pair: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranks of both columns of ``pair`` (n, 2) less what those of ``given`` (n, k) explain.

    Pearson's coefficient of the two is the partial Spearman coefficient that the page states.
    """
    if not given.shape[1]:
        centred = ranks(pair) - (len(pair) + 1) / 2
        return centred[:, 0], centred[:, 1]
    x, y = partial_ranks(pair[:, :1], pair[:, 1:], given)
    return x[:, 0], y[:, 0]


def _verdict(name: str, row: pd.Series, across: str) -> FamilyVerdict:
    partial = with_interval(row.family_value, row.family_low, row.family_high)
    reason = capital(str(row.family_reason))
    if row.family_verdict == PROXY:
        text = f"{capital(across)} that are sensitive to it are less stable ({partial})."
    elif row.family_verdict == CANNOT_TELL:
        text = f"{reason}.{_missing(row, across)}"
    else:
        text = f"{reason} ({partial})."
    return FamilyVerdict(verdict=str(row.family_verdict), text=f"{capital(str(name))}. {text}")


def _missing(row: pd.Series, across: str) -> str:
    nouns: dict[str, str] = {
        Need.MORE_UNITS: across,
        Need.MORE_CLIPS: "clips",
        Need.MORE_FAMILIES: "families of perturbations",
        Need.MORE_FOOTAGE: "sampled frames",
    }
    noun = nouns.get(str(row.family_needs), "") if row.family_needs else ""
    if not noun or not math.isfinite(row.family_needs_count):
        return ""
    return f" About {number(row.family_needs_count, 2)} {noun} would decide; {int(row.n)} {across} are there."
