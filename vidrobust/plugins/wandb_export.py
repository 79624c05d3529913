"""Weights & Biases: a run a model with its metrics and its answer, written offline and sent by ``wandb sync``."""

from __future__ import annotations

from pathlib import Path

from vidrobust.finished_runs.exports.catalogue import (
    Exported,
    Format,
    figures_of,
    library,
    parameters_of,
)
from vidrobust.run_folder.reader import RunTables

PROJECT = "vidrobust"


def write(run: RunTables, out: Path) -> Exported:
    """Write an offline run a model; nothing is sent."""
    from vidrobust.stages.answer.answer import answer_of
    from vidrobust.stages.answer.text import markdown_lines

    wandb = library("wandb", "wandb")
    answer, name = answer_of(run), run.folder.resolve().name
    for model in run.tasks:
        started = wandb.init(
            project=PROJECT,
            name=f"{name}, {model}",
            notes="\n".join(markdown_lines(answer, model, str)),
            config=parameters_of(run, model),
            dir=str(out),
            mode="offline",
            reinit="finish_previous",
            settings=wandb.Settings(silent=True),
        )
        started.summary.update(figures_of(run, model))
        started.finish()
    return Exported((out / "wandb",))


FORMAT = Format(
    name="wandb",
    what="an offline run a model with metrics and the answer",
    opened_by="wandb sync {out}/wandb/offline-run-*",
    write=write,
)
