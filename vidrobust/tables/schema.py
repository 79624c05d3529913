"""Names, dtypes and checks of every result table; reading and writing them. No torch here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pandas as pd

from vidrobust.errors import InputError

Kind = Literal["string", "int64", "float64", "bool"]

TABLES: dict[str, dict[str, Kind]] = {
    "frames": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "label": "int64",
        "label_name": "string",
        "probability": "float64",
        "second_label": "int64",
        "margin": "float64",
        "entropy": "float64",
        "track": "int64",
        "keyframe": "bool",
    },
    "pairs": {
        "item": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "delta_ms": "float64",
        "model": "string",
        "kind": "string",
        "excluded": "string",
        "label_flip": "bool",
        "total_variation": "float64",
        "top1_probability_change": "float64",
        "jensen_shannon": "float64",
        "top5_distance": "float64",
        # beyond the contract: the confounder "amount of pixel change" of the correlation study; the unit along
        # time; the time of frame a; the signed distance in delivered frames
        "pixel_change": "float64",
        "track": "int64",
        "time_s": "float64",
        "delta_frames": "int64",
    },
    # beyond the contract: three frames, a row a frame
    "triples": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "track": "int64",
        "jitter": "float64",
        "revert_flip": "float64",
    },
    # per frame all classes up to 32, else the leading ten and, as label -1, the sum of the rest
    "probabilities": {
        "item": "string",
        "frame": "int64",
        "model": "string",
        "track": "int64",
        "label": "int64",
        "label_name": "string",
        "probability": "float64",
    },
    # pictures of the report's player: frames, and differences with the frame before, magnified by ``factor``;
    # picture: a JPEG in base64
    "player_frames": {
        "item": "string",
        "frame": "int64",
        "kind": "string",
        "factor": "float64",
        "picture": "string",
    },
    # what lies between each frame and the one before it, from pixels alone
    "links": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "reason": "string",
        "pixel_change": "float64",
        "shift_x": "float64",
        "shift_y": "float64",
        "keyframe": "bool",
        "corrupt": "bool",
    },
    "stability": {
        "model": "string",
        "item": "string",
        "metric": "string",
        "value": "float64",
        "low": "float64",
        "high": "float64",
        "n": "int64",
    },
    # the same by class, track or station
    "stability_by": {
        "model": "string",
        "item": "string",
        "by": "string",
        "group": "string",
        "metric": "string",
        "value": "float64",
        "low": "float64",
        "high": "float64",
        "n": "int64",
    },
    "sensitivity": {
        "model": "string",
        "item": "string",
        "frame": "int64",
        "perturbation": "string",
        "strength": "float64",
        "draw": "int64",
        "metric": "string",
        "value": "float64",
    },
    "variation": {
        "item": "string",
        "scale": "string",
        "quantity": "string",
        "unit": "string",
        "p50": "float64",
        "p95": "float64",
        "p99": "float64",
        "n": "int64",
        "valid": "float64",
    },
    # how the condition of the footage is spread about its median, the meter's own error taken off
    "spread": {
        "item": "string",
        "quantity": "string",
        "unit": "string",
        "spread": "float64",
        "low": "float64",
        "high": "float64",
        "error": "float64",
        "n": "int64",
        "share": "float64",
        "basis": "string",
    },
    # beyond the contract: every measured pair of the variation, signed; ratios lie about 1, the rest about 0
    "changes": {
        "item": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "delta_ms": "float64",
        "scale": "string",
        "quantity": "string",
        "who": "string",
        "value": "float64",
        "valid": "bool",
        "error": "float64",
    },
    # one row a replayed pair and cause; ``along`` is <z(after) - z(before), d>, ``change`` <d, d>, ``weight`` the
    # inverse of the probability with which the pair was drawn
    "causes": {
        "item": "string",
        "model": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "cause": "string",
        "along": "float64",
        "change": "float64",
        "weight": "float64",
        "flip": "bool",
        "reproduced": "bool",
        "size": "float64",
        "unit": "string",
        "measured": "string",
        "excluded": "string",
        "wrong": "float64",
        "scale": "string",
        "time_s": "float64",
    },
    # each perturbation that may stand for a cause, fitted to the pair and played in the cause's place
    "within": {
        "item": "string",
        "model": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "cause": "string",
        "perturbation": "string",
        "strength": "float64",
        "along": "float64",
        "along_cause": "float64",
        "grain": "float64",
        "grain_seen": "float64",
        "weight": "float64",
        "scale": "string",
    },
    "account": {
        "model": "string",
        "item": "string",
        "cause": "string",
        "share": "float64",
        "low": "float64",
        "high": "float64",
        "n": "int64",
        "specific": "float64",
        "specific_low": "float64",
        "specific_high": "float64",
        "p": "float64",
        "clusters": "int64",
        "occurs": "int64",
        "flips": "int64",
        "flips_mostly": "int64",
        "flips_reproduced": "float64",
        "excluded": "int64",
        "reasons": "string",
    },
    # the same by class, and by distance in time
    "account_by": {
        "by": "string",
        "value": "string",
        "model": "string",
        "item": "string",
        "cause": "string",
        "share": "float64",
        "low": "float64",
        "high": "float64",
        "n": "int64",
        "specific": "float64",
        "specific_low": "float64",
        "specific_high": "float64",
    },
    # which causes are named, and how often they are again on half of the footage
    "named": {
        "model": "string",
        "cause": "string",
        "scale": "string",
        "share": "float64",
        "low": "float64",
        "high": "float64",
        "q": "float64",
        "comes_back": "float64",
    },
    "correlation": {
        "across": "string",
        "perturbation": "string",
        "family": "string",
        "strength": "float64",
        "sensitivity_metric": "string",
        "stability_metric": "string",
        "method": "string",
        "given": "string",
        "value": "float64",
        "low": "float64",
        "high": "float64",
        "p": "float64",
        "q": "float64",
        "n": "int64",
        "distinct": "int64",
        "verdict": "string",
    },
    # beyond the contract: perturbations, stability metrics and confounders against each other
    "correlation_matrix": {
        "across": "string",
        "model": "string",
        "row": "string",
        "column": "string",
        "method": "string",
        "value": "float64",
        "low": "float64",
        "high": "float64",
        "n": "int64",
    },
    # what is analysed, and what its manifest says of it
    "items": {
        "item": "string",
        "path": "string",
        "part": "string",
        "pass": "string",
        "station": "string",
        "label": "string",
        "start_s": "float64",
        "end_s": "float64",
        "roi_x": "float64",
        "roi_y": "float64",
        "roi_w": "float64",
        "roi_h": "float64",
    },
    # what is known beforehand; a set of labels is several rows, frame -1 stands for all frames of the item
    "labels": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "track": "string",
        "label": "int64",
        "label_name": "string",
        "x1": "float64",
        "y1": "float64",
        "x2": "float64",
        "y2": "float64",
        "source": "string",
    },
    # a row a box; track -1 for a box in none; shift: of the pixels in it until the next frame, px
    "detections": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "track": "int64",
        "label": "int64",
        "label_name": "string",
        "score": "float64",
        "x1": "float64",
        "y1": "float64",
        "x2": "float64",
        "y2": "float64",
        "shift_x": "float64",
        "shift_y": "float64",
        "duplicate": "float64",
    },
    # a row a frame of a track, from its first box to its last; label and size are the track's
    "along_tracks": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "track": "int64",
        "label": "int64",
        "label_name": "string",
        "size": "string",
        "missed": "float64",
        "reason": "string",
        "flip": "float64",
        "revert_flip": "float64",
        "score_jitter": "float64",
        "center_jitter": "float64",
        "size_jitter": "float64",
    },
    # a row a track; frame: its first
    "tracks": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "track": "int64",
        "label": "int64",
        "label_name": "string",
        "size": "string",
        "frames": "int64",
        "boxes": "int64",
        "fragments": "float64",
    },
    # a row a frame, also those without boxes
    "box_counts": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "boxes": "int64",
        "count_jitter": "float64",
    },
    # neighbouring frames: the boxes of the first, moved as their pixels move, against those of the second
    "box_pairs": {
        "item": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "delta_ms": "float64",
        "time_s": "float64",
        "model": "string",
        "kind": "string",
        "excluded": "string",
        "pixel_change": "float64",
        "lost": "float64",
        "new": "float64",
        "renamed": "float64",
        "moved": "float64",
        "box_change": "float64",
    },
    # the stability of a detector at every threshold, over all items
    "box_curve": {
        "model": "string",
        "threshold": "float64",
        "tracks": "int64",
        "frames": "int64",
        "missed": "int64",
        "renamed": "int64",
        "center_jitter": "float64",
    },
    # a row a known box of a judged frame; found 1 where the detector has it, and with which score
    "known_boxes": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "object": "string",
        "label": "int64",
        "label_name": "string",
        "size": "string",
        "found": "float64",
        "score": "float64",
        "x1": "float64",
        "y1": "float64",
        "x2": "float64",
        "y2": "float64",
    },
    # a row a known object; frame: its first; errors as of Zhang & Wang 2016
    "known_tracks": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "object": "string",
        "label": "int64",
        "label_name": "string",
        "known": "int64",
        "found": "int64",
        "fragment_error": "float64",
        "center_error": "float64",
        "scale_error": "float64",
    },
    # the same errors at every threshold, over all items
    "truth_curve": {
        "model": "string",
        "threshold": "float64",
        "recall": "float64",
        "precision": "float64",
        "fragment": "float64",
        "centre": "float64",
        "scale": "float64",
        "total": "float64",
    },
    # a row a labelled frame, 1 where the answer is right; behind top5 of anchors only, else NaN;
    # right_neighbours of right anchors only
    "answers": {
        "item": "string",
        "frame": "int64",
        "time_s": "float64",
        "model": "string",
        "track": "int64",
        "truth": "string",
        "top1": "float64",
        "top5": "float64",
        "pm0": "float64",
        "pm1": "float64",
        "pm2": "float64",
        "pm3": "float64",
        "pm4": "float64",
        "pm5": "float64",
        "pm6": "float64",
        "pm7": "float64",
        "pm8": "float64",
        "pm9": "float64",
        "pm10": "float64",
        "mean_neighbour": "float64",
        "right_neighbours": "float64",
        "pm_drop": "float64",
    },
    # a row an anchor (frame_a, at time_s) and a frame about it (frame_b); all_right: 1 where every model
    # of the run has the anchor right, NaN where there is one
    "neighbours": {
        "item": "string",
        "frame_a": "int64",
        "frame_b": "int64",
        "offset": "int64",
        "offset_ms": "float64",
        "time_s": "float64",
        "model": "string",
        "truth": "string",
        "anchor_right": "bool",
        "neighbour_right": "float64",
        "all_right": "float64",
    },
    # two models of a run on the labelled frames that both have answered; flips are from model a to model b
    "two_models": {
        "model_a": "string",
        "model_b": "string",
        "n": "int64",
        "clusters": "int64",
        "right_a": "float64",
        "right_b": "float64",
        "kappa": "float64",
        "kappa_low": "float64",
        "kappa_high": "float64",
        "observed": "float64",
        "expected": "float64",
        "negative_flips": "float64",
        "negative_low": "float64",
        "negative_high": "float64",
        "positive_flips": "float64",
        "positive_low": "float64",
        "positive_high": "float64",
        "difference": "float64",
        "difference_low": "float64",
        "difference_high": "float64",
        "relative_nfr": "float64",
        "mcnemar_p": "float64",
    },
}

for _name in ("causes", "within", "account", "account_by", "named"):
    # a detector's second account: where its boxes lie, with the measured motion taken off
    TABLES[f"place_{_name}"] = TABLES[_name]

SCALES = ("adjacent", "second", "clip")


def empty(name: str) -> pd.DataFrame:
    """A table with the right columns and no rows."""
    return pd.DataFrame({column: pd.Series(dtype=_dtype(kind)) for column, kind in TABLES[name].items()})


def check(name: str, table: pd.DataFrame, where: str = "") -> pd.DataFrame:
    """The table with its columns in order and in their dtypes; extra columns stay, behind.

    Raises InputError that names the missing columns or the column that does not convert.
    """
    columns = TABLES[name]
    place = f"{where}: " if where else ""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"{place}the {name} table lacks the column(s) {', '.join(missing)}; it needs {', '.join(columns)}"
        )
    table = table[[*columns, *(c for c in table.columns if c not in columns)]].copy()
    for column, kind in columns.items():
        try:
            table[column] = table[column].astype(_dtype(kind))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{place}column {column} of the {name} table does not hold {kind} values: {error}"
            ) from error
    return table.reset_index(drop=True)


def write(name: str, table: pd.DataFrame, folder: Path) -> Path:
    """Check a table and write it as ``folder/name.parquet``, beside first and then renamed."""
    path = folder / f"{name}.parquet"
    beside = path.with_suffix(".parquet.part")
    check(name, table).to_parquet(beside, index=False)
    os.replace(beside, path)
    return path


def read(name: str, folder: Path) -> pd.DataFrame:
    """Read and check ``folder/name.parquet``."""
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise InputError(f"{path}: there is no {name} table in this run folder; run that stage first")
    return check(name, pd.read_parquet(path), str(path))


def read_file(name: str, path: Path) -> pd.DataFrame:
    """Read and check a table from anywhere: Parquet, or CSV by its ending."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a {name} table as .parquet or .csv")
    try:
        table = (
            pd.read_csv(path, keep_default_na=True)
            if path.suffix.lower() == ".csv"
            else pd.read_parquet(path)
        )
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); expected .parquet or .csv") from error
    for column, kind in TABLES[name].items():
        if kind == "int64" and column in table and table[column].isna().any():
            table[column] = table[column].fillna(-1)  # foreign tables may not know a frame, a draw or an n
        if kind == "string" and column in table:
            table[column] = table[column].fillna("")
    return check(name, table, str(path))


def _dtype(kind: Kind) -> str:
    return "object" if kind == "string" else kind
