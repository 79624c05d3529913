"""Scores of the frames of a run and of known pictures, and how they go together with the model's jitter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.json_text import plain
from vidrobust.footage.expand import images_in
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.predict import needs_pixels
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.unknown.plugin import APART, FILE, TOGETHER, UNDECIDED
from vidrobust.plugins.unknown.readout import LEADING, NEIGHBOURS, ScoreReader, distances, reader_of
from vidrobust.run_folder.folder import RunFolder, is_run_folder
from vidrobust.statistics.associations import ranks, spearman
from vidrobust.statistics.clusters import Clusters, clusters_of_rows
from vidrobust.statistics.intervals import Interval, clustered_share
from vidrobust.statistics.levels import ALPHA, FEWEST_CORRELATED, FEWEST_ROWS
from vidrobust.statistics.permutations import permutation_p, shifted_orders
from vidrobust.statistics.standard_errors import cluster_jackknife, leave_one_out, left_out_interval
from vidrobust.tables import schema as tables
from vidrobust.video.source import open_video

KNOWN_QUANTILE = 0.95  # of known pictures: Hendrycks & Gimpel 2017 and all later work count at 95 % of known ones
OWN_QUANTILE = 0.75  # of the frames themselves, where no known picture says what is unknown
LEAST_CORRELATION = (
    0.3  # "medium" in Cohen 1988, chapter 3; below, page one would speak of a trifle
)
ORDERS = 999  # rearrangements behind a p-value, whose least value they make .001
CHUNK = 16  # frames that are decoded and asked about at once
MOST_LISTED, APART_S = (
    12,
    2.0,
)  # least known frames that are listed, and their least distance in time, s
# What a row of the table lacks where a score cannot be had
ABSENT = {"why": "", "verdict": "", "cluster": "", "known": 0, "n": 0, "clusters": 0}
Row = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """Frames or pictures (rows of item, frame, time_s, and jitter), and scores (N,) of them by name."""

    rows: pd.DataFrame
    scores: dict[str, np.ndarray]

    @property
    def clusters(self) -> Clusters:
        return clusters_of_rows(self.rows)


def unknown_of(run: OpenRun, known: Path | None, most: int, seed: int) -> Row:
    """Write the tables ``unknown`` and ``unknown_frames`` and unknown.json; return what the file holds.

    Raises InputError where no classifier of the run can be shown pictures, or no known picture is found.
    """
    models = [m for m in run.models if is_classifier(m) and needs_pixels(m)]
    if not models:
        raise InputError(
            f"{run.path}: no classifier to show pictures; detectors have no such scores"
        )
    summary, frames, listed = list[Row](), list[pd.DataFrame](), dict[str, list[Row]]()
    for model in models:
        reader = reader_of(model)
        footage = of_run(run, reader, most)
        reference = None if known is None else of_known(run, reader, known, most)
        _add_neighbours(footage, reference, reader)
        rows = [_row(name, footage, reference, reader, seed) for name in (*LEADING, "jitter")]
        leading = next(row["score"] for row in rows if "why" not in row)
        summary += [{"model": model.name, "leads": row["score"] == leading, **row} for row in rows]
        for row in rows:
            if "threshold" in row:
                value = footage.scores[row["score"]]
                about = {"model": model.name, "score": row["score"], "value": value}
                of = footage.rows[["item", "frame", "time_s"]].assign(**about)
                frames.append(of.assign(is_unknown=value > row["threshold"]))
        listed[model.name] = _least_known(footage, leading)
    columns = tables.TABLES["unknown"].names
    table = pd.DataFrame(summary).reindex(columns=columns).fillna(ABSENT)
    run.folder.write_table("unknown", tables.check("unknown", table))
    run.folder.write_table("unknown_frames", pd.concat(frames, ignore_index=True))
    key = run.folder.run["stages"]["stability"]["key"]
    scores = run.folder.rows("unknown")
    result = {"known": str(known or ""), "stability": key, "scores": scores, "least_known": listed}
    run.folder.write_json(FILE, result)
    return result


def of_run(run: OpenRun, reader: ScoreReader, most: int) -> Scored:
    """Score at most ``most`` frames of a run, evenly spread, with the jitter that its stability has of them."""
    rows = run.table("triples")[["item", "frame", "time_s", "jitter", "model"]]
    rows = rows[rows["model"] == reader.model.name].sort_values(["item", "frame"], kind="stable")
    if not len(rows):
        raise InputError(f"{run.path}: {reader.model.name} has no frames in this run")
    rows = rows.iloc[_spread(len(rows), most)].reset_index(drop=True)
    parts = []
    with run.reporter.counting(f"unknown, {reader.model.name}", len(rows), "frames") as counter:
        for item, of in rows.groupby("item", sort=False):
            with run.opened(str(item)) as source:
                for at in range(0, len(of), CHUNK):
                    numbers = of["frame"].iloc[at : at + CHUNK].astype(int).tolist()
                    parts.append(reader(source.at(numbers).pixels))
                    counter.advance(len(numbers))
    return Scored(rows, _joined(parts))


def of_known(run: OpenRun, reader: ScoreReader, known: Path, most: int) -> Scored:
    """Score known pictures: the image files of a folder and the folders below it, or the frames of a run folder."""
    if is_run_folder(known):
        folder = RunFolder.existing(known)
        return of_run(OpenRun(folder, folder.settings, run.reporter), reader, most)
    if not known.is_dir():
        raise InputError(f"No such folder: {known}")
    folders = (known, *sorted(p for p in known.rglob("*") if p.is_dir()))
    files = [file for folder in folders for file in images_in(folder)]
    if len(files) <= NEIGHBOURS:
        raise InputError(f"{known}: {len(files)} pictures, more than {NEIGHBOURS} are needed")
    files = [files[place] for place in _spread(len(files), most)]
    parts = []
    with run.reporter.counting("known pictures", len(files), "pictures") as counter:
        for file in files:  # one by one: their sizes differ
            with open_video(file, device="cpu", color=run.settings.color, prefetch=0) as source:
                parts.append(reader(source.at([0]).pixels))
            counter.advance(1)
    rows = pd.DataFrame({"item": list(map(str, files))}).assign(frame=0, time_s=0.0, jitter=np.nan)
    return Scored(rows, _joined(parts))


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def _add_neighbours(footage: Scored, known: Scored | None, reader: ScoreReader) -> None:
    """Add the distances to known pictures, each half of which is held against the other (by cluster)."""
    half = np.empty(0, bool) if known is None else known.clusters.label % 2 == 0
    if min(half.sum(), (~half).sum()) < NEIGHBOURS:
        why = f"needs known pictures, two independent halves of {NEIGHBOURS} at least: --known"
        reader.lacks.setdefault("neighbours", why)
    if known is None or "neighbours" in reader.lacks:
        return
    features, own, beside = known.scores["features"], np.empty(len(half)), []
    for fit in (half, ~half):
        asked = [features[~fit], footage.scores["features"]]
        own[~fit], here = distances(features[fit], asked)
        beside.append(here)
    footage.scores["neighbours"] = np.mean(beside, axis=0)
    known.scores["neighbours"] = own


def _row(name: str, footage: Scored, known: Scored | None, reader: ScoreReader, seed: int) -> Row:
    """One row of the table ``unknown``; of jitter known against unknown alone."""
    jitter = footage.rows["jitter"].to_numpy(np.float64)
    if name == "jitter":
        before = np.empty(0) if known is None else known.rows["jitter"].to_numpy(np.float64)
        if known is None or not np.isfinite(before).any():
            return {"score": name, "why": "needs known footage to compare with: --known RUN"}
        return {"score": name, **_against_known(before, jitter, known, footage)}
    if name in reader.lacks:
        return {"score": name, "why": reader.lacks[name]}
    value, row = footage.scores[name].astype(np.float64), Row(score=name)
    if known is None:
        row["threshold"] = float(np.quantile(value, OWN_QUANTILE))
    else:
        before = known.scores[name].astype(np.float64)
        row |= _against_known(before, value, known, footage)
        row["threshold"] = float(np.quantile(before, KNOWN_QUANTILE))
    above = value > row["threshold"]
    row |= _ends("share", clustered_share(above.astype(np.float64), footage.clusters))
    return row | together(footage.rows.assign(score=value, above=above), seed)


def together(rows: pd.DataFrame, seed: int = 0) -> Row:
    """Return how far a score and the jitter go together over frames, with a verdict.

    Parameters
    ----------
    rows
        A frame each: item and time_s, by which they are clustered; score and jitter; above, whether it counts as
        unknown.
    seed
        Of the rearrangements.

    Returns
    -------
    dict
        Columns of the table ``unknown``. A correlation over fewer than eight clusters has no verdict.
    """
    rows = rows[np.isfinite(rows["jitter"]) & np.isfinite(rows["score"])].reset_index(drop=True)
    if len(rows) < FEWEST_ROWS or rows["score"].nunique() == 1 or rows["jitter"].nunique() == 1:
        return {"n": len(rows), "verdict": UNDECIDED}
    clusters = clusters_of_rows(rows)
    x, y = rows[["score"]].to_numpy(np.float64), rows[["jitter"]].to_numpy(np.float64)
    link = cluster_jackknife(lambda at: spearman(x[at], y[at]), clusters.label)
    value, low, high = (float(each[0, 0]) for each in (link.value, link.low, link.high))
    series, rng = rows["item"].astype(str).to_numpy(), np.random.default_rng(seed)
    orders = shifted_orders(series, ORDERS, rng)
    p = float(permutation_p(x, y, np.empty((len(rows), 0)), orders)[0, 0])
    verdict = UNDECIDED
    if clusters.count >= FEWEST_CORRELATED:
        sure = low > 0 and p <= ALPHA and value >= LEAST_CORRELATION
        verdict = TOGETHER if sure else APART if high < LEAST_CORRELATION else UNDECIDED
    found = {"correlation": value, "low": low, "high": high, "p": p, "verdict": verdict}
    found |= {"n": len(rows), "cluster": clusters.what, "clusters": clusters.count}
    return found | _ends("jitter_auroc", clustered_auroc(y[:, 0], rows["above"], clusters.label))


def _against_known(before: np.ndarray, here: np.ndarray, known: Scored, footage: Scored) -> Row:
    both = np.concatenate([before, here])
    use, event = np.isfinite(both), np.arange(len(both)) >= len(before)
    label = np.concatenate([known.clusters.label, known.clusters.count + footage.clusters.label])
    area = clustered_auroc(both[use], event[use], label[use])
    of_known, of_footage = int((use & ~event).sum()), int((use & event).sum())
    return {**_ends("auroc", area), "known": of_known, "n": of_footage}


def _ends(name: str, found: Interval) -> Row:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def auroc(score: np.ndarray, event: np.ndarray) -> float:
    """Return the chance that an event has a higher score than a row that is none; equal scores count half.

    References
    ----------
    Hanley & McNeil, Radiology 143, 1982.

    Examples
    --------
    >>> auroc(np.array([0.1, 0.4, 0.3, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    hits, others = int(event.sum()), int((~event).sum())
    if not hits or not others:
        return float("nan")
    return (float(ranks(score)[event].sum()) - hits * (hits + 1) / 2) / (hits * others)


def clustered_auroc(score: np.ndarray, event: np.ndarray, cluster: np.ndarray) -> Interval:
    """Return ``auroc`` with the jackknife interval over clusters, and no interval below three of them."""
    event, code = np.asarray(event, bool), np.unique(cluster, return_inverse=True)[1]

    def statistic(at: np.ndarray) -> np.ndarray:
        return np.asarray(auroc(score[at], event[at]))

    value = float(statistic(np.arange(len(score))))
    low, high = left_out_interval(value, leave_one_out(statistic, code), (0.0, 1.0))
    return Interval(value, low, high, len(score), int(code.max(initial=-1)) + 1)


def _least_known(footage: Scored, score: str) -> list[Row]:
    """The frames with the highest scores, one every two seconds."""
    chosen: list[Row] = []
    rows = footage.rows[["item", "frame", "time_s"]].assign(value=footage.scores[score])
    for row in plain(rows.sort_values("value", ascending=False).to_dict("records")):
        if all(
            c["item"] != row["item"] or abs(c["time_s"] - row["time_s"]) >= APART_S for c in chosen
        ):
            chosen.append(row)
    return chosen[:MOST_LISTED]
