"""The formats of ``vidrobust export``: a record each. A new one is a module of this folder and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vidrobust.errors import SettingsError
from vidrobust.finished_runs.exports import (
    coco_results,
    csv_files,
    fiftyone_videos,
    markdown_page,
    mlflow_runs,
    tensorboard_events,
)
from vidrobust.finished_runs.exports.exported import Exported
from vidrobust.run_folder.reader import RunTables

FOLDER = "exports"
"""Within a run folder, where nothing else is named."""


@dataclass(frozen=True)
class Format:
    """A format: its name, what it writes in a few words, how that is opened ({out} is the folder), the writer."""

    name: str
    what: str
    opened_by: str
    write: Callable[[RunTables, Path], Exported]


FORMATS = (
    Format(
        "csv", "metrics, account, flips, frames and boxes as tables", "any spreadsheet, R", csv_files.write
    ),
    Format("coco", "what every frame was called, boxes and tracks", "pycocotools", coco_results.write),
    Format("mot", "tracks of detectors, as MOTChallenge files", "TrackEval", coco_results.write_tracks),
    Format(
        "fiftyone",
        "labels of every frame beside links to the clips",
        "fiftyone.Dataset.from_dir({out!r}, dataset_type=fiftyone.types.FiftyOneVideoLabelsDataset)",
        fiftyone_videos.write,
    ),
    Format(
        "mlflow",
        "a run a model, in a file store",
        "MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {out}/mlruns",
        mlflow_runs.write,
    ),
    Format(
        "tensorboard",
        "metrics, and probabilities over frames, as event files",
        "tensorboard --logdir {out}",
        tensorboard_events.write,
    ),
    Format("markdown", "the answer as summary.md", "any viewer of Markdown", markdown_page.write),
)
NAMES = tuple(each.name for each in FORMATS)


def export_run(folder: Path, name: str, out: Path | None = None) -> tuple[Exported, str]:
    """Write a finished run in a format: what was written, and how it is opened.

    out  the folder, made where it is not there; RUN/exports/FORMAT by default
    Raises SettingsError for an unknown format or a place that is a file, InputError where it is no run folder.
    """
    found = next((each for each in FORMATS if each.name == name), None)
    if found is None:
        raise SettingsError(f"--to {name}: expected one of {', '.join(NAMES)}")
    run = RunTables(folder)
    where = out or folder / FOLDER / name
    if where.exists() and not where.is_dir():
        raise SettingsError(f"--out {where}: is a file; an export is a folder of files")
    where.mkdir(parents=True, exist_ok=True)
    return found.write(run, where), found.opened_by.format(out=str(where))
