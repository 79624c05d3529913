"""The command's answer: clips diagnosed, what findings cost a model, limits, console, page and mask."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import write_bytes
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item import Item
from vidrobust.plugins.camera.costs import Cost, costs_of
from vidrobust.plugins.camera.diagnose import (
    Diagnosis,
    between_clips,
    diagnose_view,
    ordered,
    table_of,
)
from vidrobust.plugins.camera.finding import Finding, Found, kinds
from vidrobust.plugins.camera.recording import stream_of
from vidrobust.plugins.camera.view import view_of
from vidrobust.report.pages import write_page
from vidrobust.run_folder.gates import Gate, Passage
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import number, percent, percent_with_interval, with_interval
from vidrobust.text.phrases import among, listing, plural

# What limits are also called; the largest of several findings counts.
ALSO = {
    "static_noise": ("noise",),
    "light": ("lamp", "exposure"),
    "shift": ("vibration", "mount_drift"),
}
_LIMIT = re.compile(r"^\s*(\w+)\s*=\s*([0-9.eE+-]+)\s*(%?)\s*\w*\s*$")
CHIPS = {Found.FOUND: "bad", Found.NOT_FOUND: "good", Found.CANNOT_TELL: "unknown"}


def diagnose_file(
    item: Item,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    exposure_ms: float | None = None,
    line_us: float | None = None,
    static: bool = False,
) -> Diagnosis:
    """Return the diagnosis of one clip; InputError where it cannot be read."""
    view = view_of(item, start_s, end_s)
    if item.path.is_file():
        view.bits_per_px, view.encoder = stream_of(item.path)
    return diagnose_view(view, exposure_ms=exposure_ms, line_us=line_us, static=static)


def diagnosed(
    clips: Sequence[str], chosen: Mapping[str, Any]
) -> tuple[list[Diagnosis], dict[str, dict[str, Cost]]]:
    """Return the diagnosis of each clip, and by clip and cause what it costs the model, if there is one."""
    expanded = expand_sources(clips)
    if expanded.problems or not expanded.items:
        raise InputError("; ".join(str(p) for p in expanded.problems) or "there is no footage")
    how = {name: chosen[name] for name in ("start_s", "end_s", "exposure_ms", "line_us", "static")}
    each = [diagnose_file(item, **how) for item in expanded.items]
    each = between_clips(each, chosen["exposure_ms"], chosen["line_us"])
    costs = costs_of(clips, chosen) if chosen["model"] else {}
    return each, costs


def by_cost(diagnosis: Diagnosis, costs: Mapping[str, Cost]) -> list[tuple[Finding, Cost | None]]:
    """Return findings with their cost: the dearest that was found first, without costs the largest."""
    rows = [(f, _cost(f, costs)) for f in ordered(diagnosis.findings)]
    if not costs:
        return rows

    def due(row: tuple[Finding, Cost | None]) -> float:
        finding, cost = row
        return cost.flips_due if cost is not None and finding.level is Found.FOUND else 0.0

    return sorted(rows, key=due, reverse=True)


def _cost(finding: Finding, costs: Mapping[str, Cost]) -> Cost | None:
    known = [costs[cause] for cause in finding.kind.causes if cause in costs]
    return max(known, key=lambda cost: cost.flips_due) if known else None


def as_table(
    diagnoses: Sequence[Diagnosis], costs: Mapping[str, Mapping[str, Cost]]
) -> pd.DataFrame:
    """Return the table ``camera``."""
    rows = []
    for diagnosis in diagnoses:
        for finding, cost in by_cost(diagnosis, costs.get(diagnosis.item, {})):
            rows.append(table_of(diagnosis.item, finding) | (cost or Cost()).as_row())
    return tables.of_rows("camera", rows)


def console(diagnoses: Sequence[Diagnosis], costs: Mapping[str, Mapping[str, Cost]]) -> list[str]:
    """Return the lines of the answer."""
    lines = []
    for diagnosis in diagnoses:
        rows = by_cost(diagnosis, costs.get(diagnosis.item, {}))
        lines.append(diagnosis.item)
        for finding, cost in rows:
            if finding.level is Found.FOUND:
                lines.append(
                    f"  found: {finding.kind.title}, {figure(finding)}{'; ' if finding.text else ''}{finding.text}"
                )
                lines += [f"    cost: {cost.text}"] if cost else []
                lines += [f"    set: {setting}"] if (setting := settings_of(finding)) else []
        lines += [
            f"  cannot tell: {f.kind.title}; {f.text}"
            for f, _ in rows
            if f.level is Found.CANNOT_TELL
        ]
        silent = [f.kind.title.lower() for f, _ in rows if f.level is Found.NOT_FOUND]
        lines.append(f"  not found: {listing(silent)}")
    return lines


def settings_of(finding: Finding) -> str:
    """Return the setting to touch in the names of GenICam, UVC and Raspberry Pi."""
    kind = finding.kind
    others = [
        f"{name}: {text}"
        for name, text in (("UVC", kind.uvc), ("Raspberry Pi", kind.raspberry_pi))
        if text
    ]
    return kind.genicam + (f" ({'; '.join(others)})" if others and kind.genicam else "")


def figure(finding: Finding) -> str:
    """Return value and interval in words."""
    unit, known = finding.kind.unit, finding.low != finding.high
    if unit.startswith("share"):
        of = (finding.value, finding.low, finding.high)
        return (
            percent_with_interval(*of) if known else percent(finding.value)
        ) + unit.removeprefix("share")
    digits = 4 if unit == "Hz" else 2
    text = with_interval(finding.value, finding.low, finding.high, digits=digits)
    return f"{text if known else number(finding.value, digits)} {unit}"


def passages(limits: Sequence[str], diagnoses: Sequence[Diagnosis]) -> list[Passage]:
    """Check each limit on each clip: passed below with all of the interval, failed above with all of it.

    Raises
    ------
    SettingsError
        If a limit is not NAME=VALUE, or has a name that no finding has.
    """
    parsed = [_parsed(limit) for limit in limits]
    return [_passage(name, limit, diagnosis) for name, limit in parsed for diagnosis in diagnoses]


def _parsed(text: str) -> tuple[str, float]:
    parts, names = _LIMIT.match(text), (*ALSO, *kinds())
    if parts is None:
        raise SettingsError(
            f"--limit {text!r}: expected NAME=VALUE, such as light=1% or shift=0.3px"
        )
    if parts[1] not in names:
        raise SettingsError(f"--limit {text!r}: no finding {parts[1]!r}{among(parts[1], names)}")
    return parts[1], float(parts[2]) / (100 if parts[3] else 1)


def _passage(name: str, limit: float, diagnosis: Diagnosis) -> Passage:
    gate = Gate(name, "high", ">", limit)
    of = [diagnosis[n] for n in ALSO.get(name, (name,)) if diagnosis.has(n)]
    known = [f for f in of if not math.isnan(f.value)]
    if not known or len(known) < len(of):
        why = next((f.text for f in of if math.isnan(f.value)), "it is not looked for in this clip")
        return Passage(
            gate,
            diagnosis.item,
            "not computed",
            math.nan,
            f"cannot tell: {name} of {diagnosis.item}: {why}",
        )
    worst = max(known, key=lambda f: f.high)
    outcome = "failed" if worst.low > limit else "passed" if worst.high <= limit else "not computed"
    said = "cannot tell: record a longer clip" if outcome == "not computed" else outcome
    sentence = f"{said}: {name} of {diagnosis.item} is {figure(worst)} (limit {limit:g})"
    return Passage(gate, diagnosis.item, outcome, worst.high, sentence)


def write(
    folder: Path, diagnoses: Sequence[Diagnosis], costs: Mapping[str, Mapping[str, Cost]]
) -> None:
    """Write ``camera.parquet``, ``camera.html`` and a mask of dust for each clip that has some."""
    folder.mkdir(parents=True, exist_ok=True)
    tables.write("camera", as_table(diagnoses, costs), folder)
    for diagnosis in diagnoses:
        if diagnosis.dust is not None:
            png = cv2.imencode(".png", diagnosis.dust.astype(np.uint8) * 255)[1]
            write_bytes(folder / f"dust-{diagnosis.item}.png", png.tobytes())
    clips = [
        {
            "item": d.item,
            "rows": [_shown(f, cost) for f, cost in by_cost(d, costs.get(d.item, {}))],
        }
        for d in diagnoses
    ]
    content = {
        "title": f"The camera of {plural(len(clips), 'clip')}",
        "clips": clips,
        "costs": bool(costs),
    }
    write_page(folder / "camera.html", "camera.html", content, __package__)


def _shown(finding: Finding, cost: Cost | None) -> dict[str, Any]:
    told = finding.level is not Found.CANNOT_TELL
    return {
        "title": finding.kind.title,
        "level": str(finding.level),
        "chip": CHIPS[finding.level],
        "figure": figure(finding) if told else "",
        "text": finding.text,
        "null": finding.kind.null,
        "setting": settings_of(finding) if finding.level is Found.FOUND else "",
        "cost": cost.text if cost else "",
        "n": finding.n,
    }
