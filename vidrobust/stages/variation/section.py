"""What the footage is and how much it varies; what was excluded, damaged or could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import REASONS
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import InputRecord
from vidrobust.stages.variation.spread import QUANTITIES, title_of
from vidrobust.statement import Level, Question, Statement
from vidrobust.text.numbers import clock, duration, interval, number, percent, percent_interval
from vidrobust.text.phrases import cut, listing, plural

# The scales of the table ``variation`` in words.
SCALES = {"adjacent": "neighbours", "second": "1 s apart", "clip": "over the shot"}
FEWEST_PAIRS = 20  # valid pairs below which a 95th or 99th percentile says nothing
MOST_NAMED = 3  # inputs with faults that the answer names; the details list all
LONGEST_WHY = 120  # characters of why an input could not be read
MOST_ROWS = 40  # rows of a list of items or files; the rest is counted
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class ListedRows:
    """Rows of a table, and how many more there are."""

    rows: list[Mapping[str, Any]]
    more: int = 0


def first_rows(rows: Iterable[Mapping[str, Any]]) -> ListedRows:
    listed = list(rows)
    return ListedRows(listed[:MOST_ROWS], max(0, len(listed) - MOST_ROWS))


def in_one_line(run: RunTables) -> str:
    """How much footage: clips (or inputs, where images are among them), frames, seconds."""
    frames = sum(entry.frames for entry in run.record.inputs)
    moving = all(entry.frame_rate > 0 for entry in run.record.inputs)
    text = plural(len(run.items), "clip" if moving else "input")
    if frames:
        text += f", {plural(frames, 'frame')}"
    pairs = run.table("pairs")
    if pairs is not None:
        near = pairs[(pairs["kind"] == "adjacent") & (pairs["model"] == pairs["model"].iloc[0])]
        text += f", {duration(float(near['delta_ms'].sum()) / 1000)} of footage"
    return text


def exclusions(run: RunTables) -> list[dict[str, Any]]:
    """Adjacent and anchor pairs of one model by reason: what was used, and what not and why."""
    pairs = run.table("pairs")
    if pairs is None:
        boxes = run.table("box_pairs")
        if boxes is None:
            return []
        # of a detector a flip is a frame after which a box has another class
        pairs = boxes.assign(label_flip=boxes["renamed"] > 0)
    every_model = pairs["model"].nunique()
    one = pairs[pairs["model"] == pairs["model"].iloc[0]]
    rows = []
    reasons = [r for r in REASONS if (one["excluded"] == r).any()]
    reasons += [r for r in one["excluded"].unique() if r and r not in REASONS]
    for reason in ["", *reasons]:
        of = one[one["excluded"] == reason]
        near, anchor = of["kind"] == "adjacent", of["kind"] == "anchor"
        flips = pairs[(pairs["excluded"] == reason) & (pairs["kind"] == "adjacent")][
            "label_flip"
        ].sum()
        rows.append(
            {
                "reason": REASONS.get(reason, reason) if reason else "compared",
                "adjacent": int(near.sum()),
                "anchor": int(anchor.sum()),
                "flips": int(flips),
                "of_models": every_model,
            }
        )
    return rows


def inputs(run: RunTables) -> ListedRows:
    """What was read: the items with damage or problems first."""
    rows = [
        {
            "item": entry.item,
            "frames": entry.frames,
            "size": f"{entry.width} x {entry.height}",
            "rate": number(entry.frame_rate, 4),
            "codec": f"{entry.codec} {entry.pixel_format}".strip(),
            "corrupt": entry.corrupt_frames,
            "said": "; ".join([*entry.problems, *entry.notes]),
            "read_by": " on ".join(part for part in (entry.backend, entry.device) if part),
            "why": entry.reason,
            "sha256": entry.sha256[:12],
        }
        for entry in run.record.inputs
    ]
    return first_rows(sorted(rows, key=lambda row: (-row["corrupt"], not row["said"])))


def statements(run: RunTables) -> Iterator[Statement]:
    """Say what was lost of the footage, and where; nothing where all of it could be read."""
    inputs = run.record.inputs
    faults = [(entry.item, what) for entry in inputs if (what := _faults(run, entry))]
    models = tuple(f" with {model}" for model in run.tasks)
    unread = [each for each in run.record.failed if not each["path"].endswith(models)]
    sentences = [f"{item}: {what}." for item, what in faults if len(inputs) == 1]
    if faults and not sentences:
        told = listing((f"{cut(item)} ({what})" for item, what in faults), MOST_NAMED)
        corrupt, frames = (sum(getattr(e, n) for e in inputs) for n in ("corrupt_frames", "frames"))
        in_all = f"; {corrupt} of {frames} frames are damaged" if len(faults) > MOST_NAMED else ""
        sentences = [f"Faults in {len(faults)} of {plural(len(inputs), 'input')}{in_all}: {told}."]
    if unread:
        told = listing((_unread(each) for each in unread), MOST_NAMED)
        sentences.append(f"{plural(len(unread), 'input')} could not be read: {told}.")
    if sentences:
        sentences.append("All rates are of the rest.")
    if copies := run.record.duplicates:
        told = listing((f"{cut(each.item)} is {cut(each.same_as)}" for each in copies), MOST_NAMED)
        once = "counts" if len(copies) == 1 else "count"
        sentences.append(
            f"{plural(len(copies), 'input')} with the same pictures as another {once} once: {told}."
        )
    if sentences:
        text = " ".join(sentences)
        yield Statement(Question.FOOTAGE, text, Level.MEASURED, "footage_faults", n=len(faults))


def _unread(failed: Mapping[str, str]) -> str:
    """Return the name of an input that could not be read, and why."""
    path, error = failed["path"], failed.get("error", "")
    why = error.removeprefix(path).removeprefix(f"No such file: {path}").lstrip(":, ")
    name = cut(Path(path).name, 40)
    return f"{name} ({cut(why, LONGEST_WHY)})" if why else name


def _faults(run: RunTables, entry: InputRecord) -> str:
    """What is wrong with an input, without the words of its decoder; "" for nothing."""
    faults = []
    if entry.corrupt_frames:
        frames = run.rows("transitions")
        at = frames.loc[(frames["item"] == entry.item) & frames["corrupt"], "time_s"]
        where = f", the first at {clock(at.min())}" if len(at) else ""
        is_or_are = "is" if entry.corrupt_frames == 1 else "are"
        faults = [f"{entry.corrupt_frames} of {entry.frames} frames {is_or_are} damaged{where}"]
    # counted above over all segments of the input
    others = [each for each in entry.problems if "frames are damaged, the first" not in each]
    return "; ".join([*faults, *(re.sub(r" \(.*\)$", "", each) for each in others)])


def faults_in_words(run: RunTables) -> str:
    """What was lost, for the details."""
    lost = " ".join(each.text for each in statements(run))
    return lost or "No frame was damaged in decoding."


def variation_summary(run: RunTables) -> pd.DataFrame | None:
    """Per scale and quantity over all items: percentiles, n, valid, error, least and most p99.

    From the measured pairs where they are kept; else the median item's is given (``pooled`` False).
    """
    table = run.table("variation")
    if table is None:
        return None
    changes = run.table("changes")
    rows = []
    for (scale, quantity), group in table.groupby(["scale", "quantity"], sort=False):
        unit = str(group["unit"].iloc[0])
        n = int(group["n"].sum())
        valid = float((group["n"] * group["valid"].fillna(0)).sum())
        row: dict[str, Any] = {
            "scale": scale,
            "quantity": quantity,
            "unit": unit,
            "n": n,
            "valid": round(valid),
            "items": int(group["p99"].notna().sum()),
            "least": group["p99"].min(),
            "most": group["p99"].max(),
            "error": group["error"].median() if "error" in group else np.nan,
        }
        values = _changes(changes, str(scale), str(quantity), unit)
        if values is not None and len(values):
            row |= dict(zip(("p50", "p95", "p99"), np.percentile(values, PERCENTILES), strict=True))
            row["pooled"] = True
        else:
            row |= {name: group[name].median() for name in ("p50", "p95", "p99")}
            row["pooled"] = len(group) == 1
        rows.append(row)
    return pd.DataFrame(rows)


def _changes(
    changes: pd.DataFrame | None, scale: str, quantity: str, unit: str
) -> np.ndarray | None:
    if changes is None:
        return None
    of = changes[(changes["scale"] == scale) & (changes["quantity"] == quantity) & changes["valid"]]
    rest = 1.0 if unit.startswith("ratio") else 0.0
    return np.abs(of["value"].to_numpy(np.float64) - rest)


def variation_rows(found: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The variation as text; percentiles of fewer than FEWEST_PAIRS pairs are not given."""
    if found is None:
        return []
    rows: list[dict[str, Any]] = []
    for quantity in _in_order(found):
        of = found[found["quantity"] == quantity]
        for place, row in enumerate(of.itertuples()):
            shares = row.unit.startswith(("ratio", "share"))
            text = percent if shares else number
            few = row.valid < FEWEST_PAIRS
            rows.append(
                {
                    "quantity": title_of(quantity) if place == 0 else "",
                    "last": place == len(of) - 1,
                    "scale": SCALES.get(row.scale, row.scale),
                    "unit": "" if shares else row.unit,
                    "p50": text(row.p50),
                    "p95": "too few" if few else text(row.p95),
                    "p99": "too few" if few else text(row.p99),
                    "error": text(row.error),
                    "span": (percent_interval if shares else interval)(row.least, row.most)
                    if row.items > 1
                    else "",
                    "n": f"{row.valid} of {row.n}",
                }
            )
    return rows


def _in_order(found: pd.DataFrame) -> list[str]:
    there = list(found["quantity"].drop_duplicates())
    return [q for q in QUANTITIES if q in there] + [q for q in there if q not in QUANTITIES]
