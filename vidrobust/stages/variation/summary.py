"""What is made of all units of the stage variation: percentiles of changes, and the spread of the condition."""

from __future__ import annotations

from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Facts
from vidrobust.stages.variation.changes import summarise as percentiles
from vidrobust.stages.variation.spread import spread_of


def summarise(run: Run, facts: Facts) -> None:
    """The tables ``variation`` and ``spread``, and what the meter counted, in run.json."""
    changes = run.table("changes")
    widths = {entry["item"]: int(entry["width"]) for entry in run.folder.run["inputs"]}
    run.folder.write_table("variation", percentiles(changes))
    run.folder.write_table("spread", spread_of(changes, widths))
    inputs = run.folder.run["inputs"]
    for entry in inputs:
        of_item = [fact for name, fact in facts.items() if name[0] == entry["item"]]
        entry["variation"] = dict(of_item[0]) if len(of_item) == 1 else {"segments": of_item}
    run.folder.update(inputs=inputs)
