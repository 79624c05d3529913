"""The stage ``policy``: which augmentations to train with, and how strong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.causes.stage import CAUSES
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.variation.stage import VARIATION
from vidrobust.statement import NEEDS_MODEL, Question

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.metrics.metric import Task
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.stages.policy.build import Evidence
    from vidrobust.stages.policy.policy import Policy


class PolicyStage(TableStage):
    """Recommend augmentations to train with, each with its range and its level of evidence."""

    name = "policy"
    version = 17
    needs = (STABILITY, SENSITIVITY, VARIATION, CAUSES)
    files = ("policy.json",)
    question = Question.TRAIN

    def make(self, run: OpenRun) -> None:
        """Write the policy of each model: the first one's at the top, the others' in ``policies/MODEL/``."""
        from vidrobust.files.atomic import write_text
        from vidrobust.metrics.catalogue import task_of
        from vidrobust.stages.policy.build import build
        from vidrobust.stages.policy.exports.write import with_levels, write_all
        from vidrobust.stages.policy.measured import policy_folder, remeasured
        from vidrobust.stages.policy.policy import Policy

        shown = [model for model in run.folder.record.models if not model.is_recorded]
        if not shown:
            first = next((str(model["name"]) for model in run.model_records), "")
            write_text(
                run.path / "policy.json", Policy(model=first, notes=(NEEDS_MODEL,)).to_json()
            )
            run.reporter.say(f"policy: {NEEDS_MODEL}")
        for model in shown:
            task = task_of(model.task)
            evidence = [_evidence(run, model.name, task, prefix) for prefix in task.accounts]
            made = _in_scene(run, build(model.name, *evidence))
            made = with_levels(remeasured(run.path, made))
            write_all(made, policy_folder(run.path, model.name, shown[0].name))
            run.reporter.say(f"policy, {model.name}: {made.headline}")

    def as_json(self, run: OpenRun) -> Any:
        return run.folder.read_json("policy.json")


POLICY = PolicyStage()


def _evidence(run: OpenRun, model: str, task: Task, prefix: str) -> Evidence:
    from vidrobust.run_folder.reader import with_parts
    from vidrobust.stages.causes.outcomes import Replication
    from vidrobust.stages.causes.shares import over_a_second
    from vidrobust.stages.policy.build import Evidence

    account, by, named, candidate_fits = (
        _of(run.table(f"{prefix}{name}"), model)
        for name in ("account", "account_by", "named", "candidate_fits")
    )
    named = named[named["level"] == "cause"]
    parts = run.folder.record.parts
    table = run.folder.table("stability")
    rows = table[(table["model"] == model) & table["metric"].isin([*task.response.floors])]
    # (height, width) of the clip in the middle by its width: lengths are shares of each clip's own
    # width
    sizes = sorted(
        ((entry["height"], entry["width"]) for entry in run.folder.run["inputs"]),
        key=lambda size: size[1],
    )
    height, width = sizes[len(sizes) // 2]
    return Evidence(
        account=account[account["item"] == ""],
        slow=over_a_second(by[by["level"] == "cause"]),
        named=dict(zip(named["cause"], named["scale"], strict=True)),
        replication={
            str(row["cause"]): Replication.of_row(row) for row in named.to_dict("records")
        },
        candidate_fits=with_parts(candidate_fits, parts),
        spread=run.table("spread"),
        sensitivity=with_parts(_of(run.table("sensitivity"), model), parts),
        floor=float(rows["value"].sum(min_count=1)),
        image_size=(int(height), int(width)),
        response=task.response,
        of=task.accounts[prefix],
    )


def _of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"] == model]


def _in_scene(run: OpenRun, policy: Policy) -> Policy:
    """The policy, whose steps are suggestions if the model does not seem to know the scene."""
    import dataclasses

    from vidrobust.stages.policy.build import suggested
    from vidrobust.stages.stability.statements import scene_confidence

    frames = run.table("frames")
    classes = {str(each["name"]): int(each.get("num_classes") or 0) for each in run.model_records}
    scene = scene_confidence(frames[frames["model"] == policy.model], classes.get(policy.model, 0))
    if scene.is_known:
        return policy
    steps = tuple(suggested(step, unknown_scene=scene.reason) for step in policy.steps)
    note = f"The model does not seem to know the scene ({scene.reason})"
    if steps:
        note += ": the steps are what to train with if it is the model that you train"
    return dataclasses.replace(policy, steps=steps, notes=(*policy.notes, f"{note}."))
