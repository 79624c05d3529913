"""MLflow: a run a model with its metrics, parameters and answer, in a tracking server or a local store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vidrobust.files.names import readable_name
from vidrobust.finished_runs.exports.catalogue import (
    Exported,
    Format,
    figures_of,
    library,
    parameters_of,
)
from vidrobust.run_folder.reader import RunTables

EXPERIMENT = "vidrobust"
# Where this is set, runs go to that server; else into a store in the folder of the export.
SERVER = "MLFLOW_TRACKING_URI"
LOCAL = "MLFLOW_ALLOW_FILE_STORE"  # MLflow 3 asks for it before it writes a store without a server
# Set before the library is imported: nothing is sent anywhere but to the server that is named.
QUIET = "MLFLOW_DISABLE_TELEMETRY"
LONGEST_PARAMETER = 500  # characters that every version of MLflow takes
# tags by which a run that is exported again replaces itself
RUN, MODEL = ("vidrobust.run", "vidrobust.model")


def write(run: RunTables, out: Path) -> Exported:
    """Write an MLflow run a model: metrics with their ends and n, what they depend on, the answer as its note."""
    os.environ.setdefault(QUIET, "true")
    library("mlflow", "mlflow")
    server = os.environ.get(SERVER, "")
    if not server:
        os.environ.setdefault(LOCAL, "true")
    from mlflow import MlflowClient

    from vidrobust.stages.answer.answer import answer_of
    from vidrobust.stages.answer.text import markdown_lines

    client = MlflowClient(tracking_uri=server or (out / "mlruns").resolve().as_uri())
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    answer, name = answer_of(run), str(run.folder.resolve())
    for model in run.tasks:
        _replace(client, experiment, name, model)
        note = "\n".join(markdown_lines(answer, model, str))
        tags = {RUN: name, MODEL: model, "mlflow.note.content": note}
        tags |= {"vidrobust.report": str(run.folder.resolve() / "report.html")}
        started = client.create_run(
            experiment, tags=tags, run_name=f"{run.folder.resolve().name}, {model}"
        )
        for key, value in figures_of(run, model).items():
            client.log_metric(started.info.run_id, readable_name(key), value)
        for key, text in parameters_of(run, model).items():
            client.log_param(started.info.run_id, key, text[:LONGEST_PARAMETER])
        client.set_terminated(started.info.run_id)
    store = server or str(out / "mlruns")
    asked = "" if server else f"{LOCAL}=true "
    opened = server or f"{asked}mlflow ui --backend-store-uri {store}"
    return Exported(() if server else (out / "mlruns",), opened_by=opened)


def _replace(client: Any, experiment: str, name: str, model: str) -> None:
    for run in client.search_runs([experiment], max_results=1000):
        if run.data.tags.get(RUN) == name and run.data.tags.get(MODEL) == model:
            client.delete_run(run.info.run_id)


FORMAT = Format(
    name="mlflow",
    what="a run a model with metrics, parameters and the answer",
    opened_by="mlflow ui",
    write=write,
)
