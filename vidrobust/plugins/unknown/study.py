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
from vidrobust.plugins.unknown.plugin import FILE
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

TOGETHER, APART, UNDECIDED = "together", "not together", "cannot tell"
KNOWN_QUANTILE = 0.95  # of known pictures: Hendrycks & Gimpel 2017 and all later work count at 95 % of known ones
OWN_QUANTILE = 0.75  # of the frames themselves, where no known picture says what is unknown
LEAST_CORRELATION = (
    0.3  # "medium" in Cohen 1988, chapter 3; below, page one would speak of a trifle
)
ORDERS = 999  # rearrangements behind a p-value, whose least value they make .001
CHUNK = 16  # frames that are decoded and asked about at once
FIGURES = (
    *("auroc", "auroc_low", "auroc_high", "threshold", "share", "share_low", "share_high"),
    *("correlation", "low", "high", "p", "jitter_auroc", "jitter_low", "jitter_high"),
)
MOST_LISTED, APART_S = (
    12,
    2.0,
)  # least known frames that are listed, and their least distance in time, s


@dataclass(frozen=True)
class Scored:
    """Frames or pictures (rows of item, frame, time_s, and jitter), and scores (N,) of them by name."""

    rows: pd.DataFrame
    scores: dict[str, np.ndarray]

    @property
    def clusters(self) -> Clusters:
        return clusters_of_rows(self.rows)


def unknown_of(run: OpenRun, known: Path | None, most: int, seed: int) -> dict[str, Any]:
    """Write the tables ``unknown`` and ``unknown_frames`` and unknown.json; return what the file holds.

    Raises InputError where no classifier of the run can be shown pictures, or no known picture is found.
    """
    models = [m for m in run.models if is_classifier(m) and needs_pixels(m)]
    if not models:
        raise InputError(
            f"{run.path}: no classifier that can be shown pictures; detectors have no such scores"
        )
    summary: list[dict[str, Any]] = []
    frames: list[pd.DataFrame] = []
    listed: dict[str, Any] = {}
    for model in models:
        reader = reader_of(model)
        footage = of_run(run, reader, most)
        reference = None if known is None else of_known(run, reader, known, most)
        footage, reference = _with_neighbours(footage, reference, reader)
        rows = [
            _row(name, footage, reference, reader.lacks, np.random.default_rng(seed))
            for name in (*LEADING, "jitter")
        ]
        leading = next(row["score"] for row in rows if not row["why"])
        for row in rows:
            summary.append({"model": model.name, "leads": row["score"] == leading, **row})
            if row["score"] in footage.scores:
                value = footage.scores[row["score"]]
                columns = {
                    "score": row["score"],
                    "value": value,
                    "is_unknown": value > row["threshold"],
                }
                frames.append(
                    footage.rows[["item", "frame", "time_s"]].assign(model=model.name, **columns)
                )
        listed[model.name] = _least_known(footage, leading)
    run.folder.write_table("unknown", tables.check("unknown", pd.DataFrame(summary)))
    run.folder.write_table("unknown_frames", pd.concat(frames, ignore_index=True))
    result = {
        "known": "" if known is None else str(known),
        "stability": run.folder.run["stages"]["stability"]["key"],
        "scores": plain(summary),
        "least_known": listed,
    }
    run.folder.write_json(FILE, result)
    return result


def of_run(run: OpenRun, reader: ScoreReader, most: int) -> Scored:
    """Score at most ``most`` frames of a run, evenly spread, with the jitter that its stability has of them."""
    name = reader.model.name
    triples = run.table("triples")
    rows = triples.loc[triples["model"] == name, ["item", "frame", "time_s", "jitter"]]
    rows = rows.sort_values(["item", "frame"], kind="stable").reset_index(drop=True)
    if not len(rows):
        raise InputError(f"{run.path}: {name} has no frames in this run")
    rows = rows.iloc[_spread(len(rows), most)].reset_index(drop=True)
    parts = []
    with run.reporter.counting(f"unknown, {name}", len(rows), "frames") as counter:
        for item, of in rows.groupby("item", sort=False):
            numbers = of["frame"].astype(int).tolist()
            with run.opened(str(item)) as source:
                for start in range(0, len(numbers), CHUNK):
                    parts.append(reader(source.at(numbers[start : start + CHUNK]).pixels))
                    counter.advance(len(numbers[start : start + CHUNK]))
    return Scored(rows, _joined(parts))


def of_known(run: OpenRun, reader: ScoreReader, known: Path, most: int) -> Scored:
    """Score known pictures: the image files of a folder and the folders below it, or the frames of a run folder."""
    if is_run_folder(known):
        return of_run(
            OpenRun(RunFolder.existing(known), RunFolder.existing(known).settings, run.reporter),
            reader,
            most,
        )
    if not known.is_dir():
        raise InputError(f"No such folder: {known}")
    files = [
        file
        for folder in (known, *sorted(p for p in known.rglob("*") if p.is_dir()))
        for file in images_in(folder)
    ]
    if len(files) <= NEIGHBOURS:
        raise InputError(
            f"{known}: {len(files)} pictures; more than {NEIGHBOURS} known pictures are needed"
        )
    files = [files[place] for place in _spread(len(files), most)]
    parts = []
    with run.reporter.counting(
        f"known pictures, {reader.model.name}", len(files), "pictures"
    ) as counter:
        for file in files:  # one by one: their sizes differ
            with open_video(file, device="cpu", color=run.settings.color, prefetch=0) as source:
                parts.append(reader(source.at([0]).pixels))
            counter.advance(1)
    rows = pd.DataFrame(
        {"item": list(map(str, files)), "frame": 0, "time_s": 0.0, "jitter": np.nan}
    )
    return Scored(rows, _joined(parts))


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: a if name == "features" else a.astype(np.float64) for name, a in joined.items()}


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(np.int64))


def _with_neighbours(
    footage: Scored, known: Scored | None, reader: ScoreReader
) -> tuple[Scored, Scored | None]:
    """Add the distances to known pictures, each half of which is held against the other (by cluster)."""
    if known is None:
        reader.lacks.setdefault("neighbours", "needs known pictures: --known FOLDER")
    if known is None or "features" not in known.scores or "neighbours" in reader.lacks:
        return footage, known
    half = known.clusters.label % 2 == 0
    if min(half.sum(), (~half).sum()) < NEIGHBOURS:
        reader.lacks["neighbours"] = (
            f"needs two halves of {NEIGHBOURS} known pictures that do not depend on each other"
        )
        return footage, known
    features, own = known.scores["features"], np.empty(len(half))
    of_footage = []
    for fit in (half, ~half):
        own[~fit], beside = distances(features[fit], [features[~fit], footage.scores["features"]])
        of_footage.append(beside)
    mean = np.mean(of_footage, axis=0)
    return (
        Scored(footage.rows, {**footage.scores, "neighbours": mean}),
        Scored(known.rows, {**known.scores, "neighbours": own}),
    )


def _row(
    name: str,
    footage: Scored,
    known: Scored | None,
    lacks: dict[str, str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """One row of the table ``unknown``; of jitter known against unknown alone."""
    empty = dict.fromkeys(FIGURES, float("nan"))
    row: dict[str, Any] = {
        "score": name,
        "why": lacks.get(name, ""),
        "known": 0,
        **empty,
        "verdict": "",
        "n": 0,
    }
    row |= {"cluster": "", "clusters": 0}
    jitter = footage.rows["jitter"].to_numpy(np.float64)
    if name == "jitter":
        before = np.empty(0) if known is None else known.rows["jitter"].to_numpy(np.float64)
        if not np.isfinite(before).any():
            return row | {"why": "needs known footage to compare with: --known RUN"}
        return (
            row
            | _against_known(before, jitter, known, footage)
            | {"n": int(np.isfinite(jitter).sum())}
        )
    if row["why"]:
        return row
    value, clusters = footage.scores[name], footage.clusters
    if known is None:
        row["threshold"] = float(np.quantile(value, OWN_QUANTILE))
    else:
        row |= _against_known(known.scores[name], value, known, footage)
        row["threshold"] = float(np.quantile(known.scores[name], KNOWN_QUANTILE))
    above = value > row["threshold"]
    share = clustered_share(above.astype(np.float64), clusters)
    row |= {"share": share.value, "share_low": share.low, "share_high": share.high}
    return row | together(value, jitter, above, footage.rows, rng)


def together(
    score: np.ndarray,
    jitter: np.ndarray,
    above: np.ndarray,
    rows: pd.DataFrame,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return how far a score (N,) and the jitter (N,) go together over frames, with a verdict.

    Parameters
    ----------
    above
        (N,) bool, the frames that count as unknown.
    rows
        item and time_s of the frames, by which they are clustered; a correlation over fewer than eight clusters has
        no verdict.

    Returns
    -------
    dict
        Columns of the table ``unknown``.
    """
    use = np.isfinite(jitter) & np.isfinite(score)
    score, jitter, above, rows = (
        score[use],
        jitter[use],
        above[use],
        rows[use].reset_index(drop=True),
    )
    clusters = clusters_of_rows(rows) if len(rows) else Clusters(np.empty(0, np.int64), "stretch")
    kept = {
        "n": len(rows),
        "cluster": clusters.what,
        "clusters": clusters.count,
        "verdict": UNDECIDED,
    }
    if len(rows) < FEWEST_ROWS or np.ptp(score) == 0 or np.ptp(jitter) == 0:
        return kept
    x, y = score[:, None], jitter[:, None]
    link = cluster_jackknife(lambda at: spearman(x[at], y[at]), clusters.label)
    value, low, high = (float(each[0, 0]) for each in (link.value, link.low, link.high))
    orders = shifted_orders(rows["item"].astype(str).to_numpy(), ORDERS, rng)
    p = float(permutation_p(x, y, np.empty((len(rows), 0)), orders)[0, 0])
    area = clustered_auroc(jitter, above, clusters)
    return kept | {
        "correlation": value,
        "low": low,
        "high": high,
        "p": p,
        "jitter_auroc": area.value,
        "jitter_low": area.low,
        "jitter_high": area.high,
        "verdict": _verdict(value, low, high, p, clusters.count),
    }


def _verdict(value: float, low: float, high: float, p: float, clusters: int) -> str:
    if clusters < FEWEST_CORRELATED or not np.isfinite([low, high]).all():
        return UNDECIDED
    if low > 0 and p <= ALPHA and value >= LEAST_CORRELATION:
        return TOGETHER
    return APART if high < LEAST_CORRELATION else UNDECIDED


def _against_known(
    before: np.ndarray, here: np.ndarray, known: Scored | None, footage: Scored
) -> dict[str, Any]:
    assert known is not None
    both = np.concatenate([before, here])
    use = np.isfinite(both)
    event = np.arange(len(both)) >= len(before)
    label = np.concatenate([known.clusters.label, known.clusters.count + footage.clusters.label])
    area = clustered_auroc(both[use], event[use], label[use])
    return {
        "auroc": area.value,
        "auroc_low": area.low,
        "auroc_high": area.high,
        "known": int(use[: len(before)].sum()),
    }


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


def clustered_auroc(
    score: np.ndarray, event: np.ndarray, clusters: Clusters | np.ndarray
) -> Interval:
    """Return ``auroc`` with the jackknife interval over clusters, and no interval below three of them."""
    label = clusters.label if isinstance(clusters, Clusters) else clusters
    label = np.unique(label, return_inverse=True)[1]

    def statistic(at: np.ndarray) -> np.ndarray:
        return np.asarray(auroc(score[at], event[at]))

    value = float(statistic(np.arange(len(score))))
    low, high = left_out_interval(value, leave_one_out(statistic, label), (0.0, 1.0))
    what = clusters.what if isinstance(clusters, Clusters) else ""
    return Interval(value, low, high, len(score), int(label.max(initial=-1)) + 1, what)


def _least_known(footage: Scored, score: str) -> list[dict[str, Any]]:
    """The frames with the highest scores, one every two seconds."""
    value, chosen = footage.scores[score], list[dict[str, Any]]()
    for at in np.argsort(-value, kind="stable"):
        row = footage.rows.iloc[int(at)]
        near = (
            c["item"] == row["item"] and abs(c["time_s"] - row["time_s"]) < APART_S for c in chosen
        )
        if not any(near):
            place = {
                "item": str(row["item"]),
                "frame": int(row["frame"]),
                "time_s": float(row["time_s"]),
            }
            chosen.append({**place, "score": score, "value": float(value[at])})
        if len(chosen) == MOST_LISTED:
            break
    return chosen
