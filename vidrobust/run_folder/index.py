"""metrics.json, the headline figures; index.json, the contents of a run folder's files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.frame_pairs.transitions import REASONS
from vidrobust.metrics.catalogue import CORE_TASKS, find_metric
from vidrobust.metrics.metric import usable_pairs
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import SCHEMA
from vidrobust.tables import schema


def collect(folder: RunFolder) -> dict[str, Any]:
    """Return the headline figures of all stages: ``models.NAME.METRIC.{value, low, high, n}``."""
    metrics: dict[str, Any] = {"schema": SCHEMA, "items": len(folder.run["inputs"]), "models": {}}
    if not folder.has("stability"):
        return metrics
    stability = folder.table("stability")
    whole = stability[stability["item"] == ""]
    place = {str(model["name"]): k for k, model in enumerate(folder.run["models"])}
    of_models = whole.groupby("model", sort=False)
    for model, rows in sorted(of_models, key=lambda each: place.get(str(each[0]), len(place))):
        summary = {
            row.metric: _figure(row)
            for row in rows.itertuples()
            if find_metric(row.metric) is not None
        }
        metrics["models"][str(model)] = {**_counts(folder, str(model), rows), **summary}
    pairs = folder.table("model_pairs")
    if len(pairs):
        metrics["model_pairs"] = pairs.to_dict("records")
    return metrics


def _figure(row: Any) -> dict[str, Any]:
    summary = {"value": row.value, "low": row.low, "high": row.high, "n": row.n}
    summary |= {name: getattr(row, name) for name in ("cluster", "clusters") if hasattr(row, name)}
    if row.exact_low != row.exact_low:
        return summary
    return {**summary, "exact_low": row.exact_low, "exact_high": row.exact_high}


def _counts(folder: RunFolder, model: str, rows: pd.DataFrame) -> dict[str, Any]:
    pairs, frames = folder.table("pairs"), folder.table("frames")
    if not (frames["model"] == model).any():
        own = folder.record.tasks.get(model, "detection") in (task.name for task in CORE_TASKS)
        return (_box_counts if own else _task_counts)(folder, model, rows)
    adjacent = pairs[(pairs["model"] == model) & (pairs["kind"] == "adjacent")]
    good = usable_pairs(pairs, model)
    excluded = adjacent["excluded"].value_counts()
    return {
        "frames": int((frames["model"] == model).sum()),
        "adjacent_pairs": len(adjacent),
        "usable_pairs": len(good),
        "excluded": {reason: int(excluded.get(reason, 0)) for reason in REASONS},
        "flips": int(good["label_flip"].sum()),
        "flips_with_excluded": int(adjacent["label_flip"].sum()),
        "mean_total_variation_with_excluded": float(adjacent["total_variation"].mean()),
        "noise_floor": {
            **_noise_floor(good, rows),
            "by_way": folder.run.get("noise_floor", {}).get(model, {}),
        },
    }


def _box_counts(folder: RunFolder, model: str, rows: pd.DataFrame) -> dict[str, Any]:
    counts, tracks, along = (
        folder.table(name) for name in ("box_counts", "tracks", "object_frames")
    )
    mine = along[along["model"] == model]
    states = mine.loc[mine["alarm"] == 0, "state"].value_counts()
    floor = rows[rows["metric"].str.startswith("noise_floor_boxes")].set_index("metric")["value"]
    return {
        "frames": int((counts["model"] == model).sum()),
        "boxes": int(counts.loc[counts["model"] == model, "boxes"].sum()),
        "tracks": int((tracks["model"] == model).sum()),
        "missed": int(mine["missed"].sum()),
        "states": {str(state): int(count) for state, count in states.items()},
        "noise_floor": {
            str(name).removeprefix("noise_floor_"): float(value) for name, value in floor.items()
        },
    }


def _task_counts(folder: RunFolder, model: str, rows: pd.DataFrame) -> dict[str, Any]:
    frames, pairs = folder.table("task_frames"), folder.table("task_pairs")
    excluded = pairs.loc[pairs["model"] == model, "excluded"].value_counts()
    floor = rows[rows["metric"].str.startswith("noise_floor_")].set_index("metric")["value"]
    return {
        "frames": int((frames["model"] == model).sum()),
        "adjacent_pairs": int(excluded.sum()),
        "usable_pairs": int(excluded.get("", 0)),
        "excluded": {reason: int(excluded.get(reason, 0)) for reason in REASONS},
        "noise_floor": {
            str(name).removeprefix("noise_floor_"): float(value) for name, value in floor.items()
        },
    }


def _noise_floor(good: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    value = rows.loc[rows["metric"] == "noise_floor_total_variation", "value"]
    flipped = rows.loc[rows["metric"] == "noise_floor_label_flip", "value"]
    floor = float(value.iloc[0]) if len(value) else float("nan")
    return {
        "total_variation": floor,
        "label_flip": float(flipped.iloc[0]) if len(flipped) else float("nan"),
        "flips_within": int((good["label_flip"] & (good["total_variation"] <= floor)).sum()),
    }


FILE = "index.json"
# Files and folders of the core. A plugin's file is described by the stage that writes it.
HOLDS = {
    "run.json": "settings, versions, inputs, failures, models and stages of the run",
    "metrics.json": "headline numbers of each model, read by gates and dashboards",
    "policy.json": "augmentations to train with, and what was rejected",
    "correlation.json": "which perturbations stand for what happens in the footage",
    "remedies.json": "the recommended rule of each model",
    "replays.json": "what was changed in the footage that was replayed, and what it cost",
    "moments.json": "the moments of largest change, with pictures in moments/",
    "box_moments.json": "the worst moments of detectors",
    "report.html": "the report: the answer and what to do",
    "details.html": "everything else, by question",
    "comparison.html": "comparison with another run",
    "cache": "finished units of work, from which the tables are assembled; vidrobust clean removes it",
    "recordings": "what was recorded of streams",
}


def write_index(folder: RunFolder, files_of: Mapping[str, tuple[str, ...]]) -> None:
    """Write index.json; ``files_of`` are each stage's files beside its tables."""
    content = plain(index_of(folder, files_of))
    path = folder.path / FILE
    if not path.is_file() or folder.read_json(FILE) != content:
        folder.write_json(FILE, content)


def index_of(folder: RunFolder, files_of: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    made = set(folder.run["stages"]) | {"sources"}
    rows = {name: folder.count(name) for name in schema.TABLES}
    files: dict[str, Any] = {}
    for name, table in schema.TABLES.items():
        if rows[name]:
            columns = {
                column.name: f"{column.sentence} [{column.unit}]"
                if column.unit
                else column.sentence
                for column in table.columns
            }
            files[f"{name}.parquet"] = {
                "holds": f"a row is {table.row}",
                "stage": table.stage,
                "rows": rows[name],
                "columns": columns,
            }
    stage_of = {file: stage for stage, files in files_of.items() for file in files}
    for path in sorted(folder.path.iterdir()):
        name = path.name
        if name in HOLDS or name in stage_of:
            holds = HOLDS.get(name, f"written by the stage {stage_of.get(name)}")
            files[name] = {
                "holds": holds,
                **({"stage": stage_of[name]} if name in stage_of else {}),
            }
    empty = [
        name for name, count in rows.items() if not count and schema.TABLES[name].stage in made
    ]
    never = [
        name for name, count in rows.items() if not count and schema.TABLES[name].stage not in made
    ]
    return {
        "files": files,
        "not_written": {
            **dict.fromkeys(empty, "no rows"),
            **{name: f"the stage {schema.TABLES[name].stage} was not run" for name in never},
        },
        "summary": f"Not written (empty): {', '.join(empty)}" if empty else "",
    }
