"""index.json: what each file of a run folder holds, its rows and columns, and what was not written and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.files.json_text import plain
from vidrobust.run_folder.folder import RunFolder
from vidrobust.tables import schema
from vidrobust.tables.table import Table

FILE = "index.json"
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
    "history.json": "control charts of the report",
    "comparison.html": "comparison with another run",
    "cache": "finished units of work, from which the tables are assembled; vidrobust clean removes it",
    "recordings": "what was recorded of streams",
}
"""Files and folders of the core. A plugin's file is described by the stage that writes it."""


def write_index(folder: RunFolder, files_of: Mapping[str, tuple[str, ...]]) -> None:
    """Write index.json for what the folder holds now.

    Parameters
    ----------
    files_of
        Files that each stage writes beside its tables, by the name of the stage.
    """
    content = plain(index_of(folder, files_of))
    path = folder.path / FILE
    if not path.is_file() or folder.read_json(FILE) != content:
        folder.write_json(FILE, content)


def index_of(folder: RunFolder, files_of: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the content of index.json."""
    made = set(folder.run["stages"]) | {"sources"}
    rows = {name: folder.count(name) for name in schema.TABLES}
    files: dict[str, Any] = {}
    for name, table in schema.TABLES.items():
        if rows[name]:
            files[f"{name}.parquet"] = _described(table, rows[name])
    stage_of = {file: stage for stage, files in files_of.items() for file in files}
    for path in sorted(folder.path.iterdir()):
        name = path.name
        if name in HOLDS or name in stage_of:
            holds = HOLDS.get(name, f"written by the stage {stage_of.get(name)}")
            files[name] = {"holds": holds, **({"stage": stage_of[name]} if name in stage_of else {})}
    empty = [name for name, count in rows.items() if not count and schema.TABLES[name].stage in made]
    never = [name for name, count in rows.items() if not count and schema.TABLES[name].stage not in made]
    return {
        "files": files,
        "not_written": {
            **dict.fromkeys(empty, "no rows"),
            **{name: f"the stage {schema.TABLES[name].stage} was not run" for name in never},
        },
        "summary": f"Not written (empty): {', '.join(empty)}" if empty else "",
    }


def _described(table: Table, rows: int) -> dict[str, Any]:
    columns = {
        column.name: f"{column.sentence} [{column.unit}]" if column.unit else column.sentence
        for column in table.columns
    }
    return {"holds": f"a row is {table.row}", "stage": table.stage, "rows": rows, "columns": columns}
