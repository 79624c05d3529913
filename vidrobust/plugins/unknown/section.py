"""The section "Does it know this footage?"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from vidrobust.plugins.unknown.outside import MORE, NO_MORE
from vidrobust.plugins.unknown.settings import EVENTS, SOURCES, TITLES
from vidrobust.report.pages import fragment
from vidrobust.report.pictures import Pictures
from vidrobust.report.section import Keep
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import structured
from vidrobust.stages.moments.section import MomentPicture
from vidrobust.statement import Level, Statement
from vidrobust.text.numbers import clock, number, percent_with_interval, with_interval
from vidrobust.text.phrases import capital, cut, plural

FILE = "unknown.json"
CHIPS = {MORE: "bad", NO_MORE: "good"}
CLUSTERS = {"item": "clip", "part": "part", "stretch": "stretch"}


@dataclass(frozen=True)
class UnknownPage:
    """One classifier: its sentence, where its features come from, frames, rows of scores, rows of links."""

    model: str
    sentence: str
    features: str
    shown: list[MomentPicture]
    rows: list[dict[str, Any]]
    links: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Farthest:
    """A frame far outside the known footage; ``picture`` is a file of the run folder."""

    item: str
    frame: int
    time_s: float
    label: str
    picture: str


@dataclass(frozen=True, kw_only=True)
class ModelFindings:
    """What unknown.json says of a model."""

    sentence: str
    features: str
    farthest: tuple[Farthest, ...]


def _models(run: RunTables) -> dict[str, ModelFindings]:
    models = run.json(FILE).get("models", {})
    return structured(models, dict[str, ModelFindings], run.folder / FILE)


def pages(run: RunTables) -> list[UnknownPage]:
    """One of each classifier that was compared with known footage."""
    pictures, table, links = Pictures(run.folder), run.table("unknown"), run.table("unknown_links")
    found = []
    for model, said in _models(run).items():
        shown = [_shot(each, pictures) for each in said.farthest]
        rows = [] if table is None else [_row(row) for row in _of(table, model)]
        found.append(
            UnknownPage(model, said.sentence, said.features, shown, rows, _links(links, model))
        )
    return found


LEVELS = {MORE: Level.MEASURED, NO_MORE: Level.NO_EFFECT}
"""By the verdict of the leading score; any other verdict is that the footage does not say."""


def statements(run: RunTables) -> Iterator[Statement]:
    table = run.table("unknown")
    for model, said in _models(run).items():
        rows = [] if table is None else [row for row in _of(table, model) if row["leading"]]
        level = (
            LEVELS.get(str(rows[0]["verdict"]), Level.NOT_MEASURED) if rows else Level.NOT_MEASURED
        )
        figures = {} if level is Level.NOT_MEASURED else {k: rows[0][k] for k in ("low", "high")}
        if figures:
            figures["value"] = rows[0]["outside"]
        yield Statement(
            "within known footage",
            f"{capital(said.sentence)}.",
            level,
            "known_footage",
            str(model),
            is_open=level is Level.NOT_MEASURED,
            **figures,
        )


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where ``--known`` was not given."""
    found = pages(run)
    return fragment("unknown.html", {"unknown": found}, __package__) if found else ""


def _of(table: pd.DataFrame, model: str) -> list[dict[str, Any]]:
    order = list(TITLES)
    rows = table[table["model"] == model].to_dict("records")
    return sorted(
        ({str(k): v for k, v in row.items()} for row in rows),
        key=lambda row: order.index(row["score"]),
    )


def _shot(far: Farthest, pictures: Pictures) -> MomentPicture:
    return MomentPicture(
        uri=pictures.uri(far.picture),
        heading=f"{cut(far.item)} at {clock(far.time_s)}, frame {far.frame}",
        label=cut(far.label),
        full_label=far.label,
        probability="",
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": TITLES[row["score"]],
        "source": SOURCES[row["score"]],
        "leading": bool(row["leading"]),
        "outside": percent_with_interval(row["outside"], row["low"], row["high"]),
        "false_alarms": percent_with_interval(
            row["false_alarms"], row["false_alarms_low"], row["false_alarms_high"]
        ),
        "verdict": row["verdict"],
        "chip": CHIPS.get(row["verdict"], "neutral"),
        "why": row["why"],
        "known": _known(row),
    }


def _known(row: dict[str, Any]) -> str:
    frames, clusters = int(row["known_frames"]), int(row["known_clusters"])
    if frames == clusters:
        return plural(frames, "picture")
    of = f"{plural(frames, 'frame')} of {plural(clusters, CLUSTERS.get(row['known_cluster'], 'stretch'))}"
    return f"{of}, worth about {number(row['effective_frames'])} independent frames"


def _links(table: pd.DataFrame | None, model: str) -> list[dict[str, str]]:
    if table is None:
        return []
    found = []
    rows = _of(table, model)
    for alone in rows:
        if alone["given"]:
            continue
        given = next(r for r in rows if r["given"] and _key(r) == _key(alone))
        found.append(
            {
                "title": TITLES[alone["score"]],
                "event": EVENTS[alone["event"]],
                "alone": _auroc(alone),
                "alone_verdict": alone["verdict"],
                "given": _auroc(given),
                "given_verdict": given["verdict"],
                "events": str(alone["events"]),
                "n": str(alone["n"]),
            }
        )
    return found


def _key(row: dict[str, Any]) -> Sequence[str]:
    return row["score"], row["event"]


def _auroc(row: dict[str, Any]) -> str:
    return with_interval(row["auroc"], row["low"], row["high"])
