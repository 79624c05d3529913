"""MLflow: a file store (``mlruns``), an MLflow run a model, as ``mlflow ui`` and ``mlflow.search_runs`` read it.

The layout is that of mlflow/store/tracking/file_store.py: meta.yaml of an experiment and of each run, a file a
metric ("time value step"), a file a parameter, a file a tag.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from vidrobust.files.json_text import json_text
from vidrobust.finished_runs.exports.exported import Exported, Format, file_name, numbers, save
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report.answer import answers
from vidrobust.text.numbers import known

EXPERIMENT = "vidrobust"
LONGEST_PARAMETER = 500
"""Characters that every version of MLflow takes."""


def write(run: RunTables, out: Path) -> Exported:
    """``mlruns`` in ``out``: metrics with their ends and n, models, settings that were chosen, the answer as note.

    The artifacts of a run are the run folder itself, so that its report opens from there. Several exports into one
    ``out`` stand side by side; a run exported again replaces itself.
    """
    store = out / "mlruns"
    experiment = _number(EXPERIMENT)
    top = store / experiment
    (store / ".trash").mkdir(parents=True, exist_ok=True)
    made = run.folder / "run.json"
    time_ms = int(made.stat().st_mtime * 1000)
    about = {
        "artifact_location": top.resolve().as_uri(),
        "creation_time": time_ms,
        "experiment_id": experiment,
        "last_update_time": time_ms,
        "lifecycle_stage": "active",
        "name": EXPERIMENT,
    }
    files = [save(top / "meta.yaml", _yaml(about))]
    notes = {answer.model: answer for answer in answers(run)}
    for model in run.tasks:
        identity = hashlib.sha256(f"{run.folder.resolve()}\0{model}".encode()).hexdigest()[:32]
        folder = top / identity
        files.append(save(folder / "meta.yaml", _yaml(_run_of(run, model, identity, experiment, time_ms))))
        for name, value in _metrics(run, model).items():
            files.append(save(folder / "metrics" / name, f"{time_ms} {value!r} 0\n"))
        for name, text in _parameters(run, model).items():
            files.append(save(folder / "params" / name, text[:LONGEST_PARAMETER]))
        said = "\n".join(f"- **{question}**: {text}" for question, text in notes[model].lines)
        tags = {"mlflow.runName": f"{run.folder.resolve().name}, {model}", "mlflow.note.content": said}
        for name, text in {**tags, "vidrobust.report": str((run.folder / "report.html").resolve())}.items():
            files.append(save(folder / "tags" / name, text))
        (folder / "artifacts").mkdir(exist_ok=True)
    return Exported(tuple(files))


def _run_of(run: RunTables, model: str, identity: str, experiment: str, time_ms: int) -> dict[str, Any]:
    return {
        "artifact_uri": run.folder.resolve().as_uri(),
        "end_time": time_ms,
        "entry_point_name": "",
        "experiment_id": experiment,
        "lifecycle_stage": "active",
        "run_id": identity,
        "run_name": f"{run.folder.resolve().name}, {model}",
        "run_uuid": identity,
        "source_name": "",
        "source_type": 4,
        "source_version": "",
        "start_time": time_ms,
        "status": 3,
        "tags": [],
        "user_id": "vidrobust",
    }


def _metrics(run: RunTables, model: str) -> dict[str, float]:
    """Each metric and the ends of its interval; n as a metric as well, since runs are sorted by metrics."""
    found: dict[str, float] = {}
    for each in numbers(run, model):
        ends = {"": each.value, ".low": each.low, ".high": each.high, ".n": float(each.n)}
        found |= {file_name(f"{each.metric}{end}"): value for end, value in ends.items() if known(value)}
    return found


def _parameters(run: RunTables, model: str) -> dict[str, str]:
    record = next((each for each in run.record.models if each.name == model), None)
    settings = run.record.settings
    found = {"model": model, "sources": ", ".join(map(str, settings.get("sources") or ()))}
    if record is not None:
        found |= {"engine": record.engine, "precision": record.precision, "weights": record.weights}
    found["seed"] = str(settings.get("seed", ""))
    found["vidrobust"] = run.record.versions.get("vidrobust", "")
    return {name: text for name, text in found.items() if text}


def _number(name: str) -> str:
    """The number of an experiment, always the same for its name, as MLflow makes them: eighteen digits."""
    return str(10**17 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % (9 * 10**17))


def _yaml(content: dict[str, Any]) -> str:
    """Plain values as YAML; a JSON string is one of YAML as well."""
    return "".join(f"{name}: {json_text(value).strip()}\n" for name, value in content.items())


FORMAT = Format(
    what="a run a model, in a file store",
    opened_by="MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {out}/mlruns",
    write=write,
)
