"""The certificate of a study: header from TOML, one page to sign, PDF."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.files.json_text import file_text, plain
from vidrobust.plugins.gauge.acceptance import KINDS
from vidrobust.plugins.gauge.report import certificate_pages as content
from vidrobust.plugins.gauge.report.certificate_pages import worst
from vidrobust.plugins.gauge.report.gauge_section import data_table, printable_number, study_number
from vidrobust.plugins.gauge.report.repeatability_section import (
    section_of_run_rows,
    section_of_table,
)
from vidrobust.plugins.gauge.stated import WORDS
from vidrobust.plugins.gauge.studies import StudyRequest
from vidrobust.report.pages import printed, write_page
from vidrobust.text.printable import printable
from vidrobust.version import VERSION

FIELDS: dict[str, str] = WORDS["header"]
SIGNED = ("made", "checked", "released")
MOST_NAMES = 12


def read_header(path: Path) -> dict[str, str]:
    """The header from a TOML file."""
    where = f"--certificate {printable(path)}"
    fields = ", ".join(FIELDS)
    try:
        header = tomllib.loads(file_text(path, "utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(f"{where}: no such file; it is TOML with {fields}") from error
    except (ValueError, RecursionError, OSError) as error:
        raise SettingsError(f"{where}: cannot be read as TOML ({in_plain_words(error)})") from error
    header = header.get("study", header)
    for name, value in header.items():
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1)
            hint = f"; do you mean {near[0]}?" if near else "."
            raise SettingsError(f"{where}: there is no field {name!r}{hint} There are {fields}")
        if isinstance(value, dict):
            raise SettingsError(f"{where}: {name} is a table; expected a text")
    return {name: _text(value) for name, value in header.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value.isoformat() if isinstance(value, date) else str(value)


def write_certificate(
    page: Path,
    head: Path,
    study: Mapping[str, Any],
    rows: pd.DataFrame,
    asked: StudyRequest,
    *,
    hashes: Sequence[tuple[str, str]],
    paper: str = "A4",
    pdf: bool = False,
) -> list[Path]:
    """Write the certificate with the TOML of its header, and its PDF if asked for."""
    header = read_header(head)
    summary = plain(dict(study))
    unit = header.get("unit", "")
    section = (
        section_of_run_rows(summary, rows)
        if summary["study"] == "run"
        else section_of_table(summary, rows, _axis(header))
    )
    filled = {"number": study_number(rows), **_filled(header, summary, asked)}
    title = str(WORDS["study"][summary["study"]])
    gauge = summary if summary["study"] == "gauge" else summary.get("gauge") or {}
    varies = (gauge.get("total_sd") or 0) > 0
    shown_first = section["pictures"][1 if varies else 0 :][:1]
    values = {
        "title": f"{title}: {header.get('part', head.stem)}",
        "kind": title,
        "header": [
            (FIELDS[name], filled[name])
            for name in FIELDS
            if filled.get(name) and name != "calibration"
        ],
        "number": filled["number"],
        "footer": printable_number(filled["number"]),
        "calibration": header.get("calibration", ""),
        "data": data_table(rows),
        "verdict_kind": KINDS.get(summary["overall"]["verdict"], "unknown"),
        "sentence": summary["overall"]["sentence"],
        "tiles": (six := content.tiles(summary, unit)),
        "intervals": any(" to " in tile.interval for tile in six),
        "worst": worst(summary, unit),
        "sample": content.sample(summary),
        "method": content.method(summary),
        "settings": [
            (name, str(v))
            for name, v in _settings(asked, summary["study"])
            if v not in (None, "", ())
        ],
        "hashes": list(hashes),
        "signed": SIGNED,
        "paper": paper,
        "repeatability": section,
        "repeatability_figures": section["pictures"],
        "picture": shown_first[0] if shown_first else None,
        "folder": "",
    }
    written = write_page(page, "certificate.html", values, "vidrobust.plugins.gauge")
    return [written, printed(written, written.with_suffix(".pdf"))] if pdf else [written]


def _axis(header: Mapping[str, str]) -> str:
    what = header.get("characteristic", "value")
    return f"{what}, {header['unit']}" if "unit" in header else what


def _filled(
    header: Mapping[str, str], results: Mapping[str, Any], asked: StudyRequest
) -> dict[str, str]:
    unit = f" {header['unit']}" if "unit" in header else ""
    names = [entry["operator"] for entry in results.get("by_operator") or []]
    study = results.get("attribute") or results
    if not names and isinstance(study.get("operators"), list):
        names = list(map(str, study["operators"]))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    known = {
        "operators": ", ".join(names[:MOST_NAMES]) + more,
        "tolerance": _tolerance(asked, unit),
    }
    return {**known, **header}


def _tolerance(asked: StudyRequest, unit: str) -> str:
    low, high = asked.tolerance_low, asked.tolerance_high
    ends = [f"from {low:g}"] if low is not None else []
    ends += [f"to {high:g}"] if high is not None else []
    if ends:
        return " ".join(ends) + unit
    return "" if math.isnan(asked.tolerance) else f"{asked.tolerance:g}{unit} wide"


def _settings(asked: StudyRequest, kind: str) -> list[tuple[str, Any]]:
    return [
        ("rules", asked.profile.cited),
        ("design", asked.design if kind == "gauge" and asked.design != "auto" else ""),
        ("factors", ", ".join(asked.factors)),
        ("interaction pooled above p", f"{asked.pool_above:g}" if kind in ("gauge", "run") else ""),
        ("process sd", asked.process_sd),
        ("defects", ", ".join(asked.defect)),
        ("order of classes", " < ".join(asked.ordered)),
        ("frames to verdict", asked.rule if kind == "run" else ""),
        ("vidrobust", VERSION),
    ]


def hashes_of(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and SHA-256 of the footage and the weights of a run, from its run.json."""
    files = [(entry.get("item"), entry.get("sha256")) for entry in run.get("inputs") or []]
    weights = [
        (f"weights of {model.get('name')}", model.get("weights_sha256"))
        for model in run.get("models") or []
    ]
    return [(str(name), str(value)) for name, value in (*weights, *files) if value]
