"""What the answer says of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import ModelRecord
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.section import whole
from vidrobust.stages.policy.policy import Policy, PolicyStep, StepEvidence
from vidrobust.stages.policy.rejection import Outcome, Rejection, reason
from vidrobust.stages.policy.section import policy_files, range_in_words
from vidrobust.stages.stability.statements import scene_of
from vidrobust.statement import NAN, NEEDS_MODEL, Level, Question, Statement
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import part_with_interval
from vidrobust.text.phrases import capital, listing, plural


def statements(run: RunTables) -> Iterator[Statement]:
    policies = {
        policy.model: policy for policy in (Policy.read(path) for path in policy_files(run))
    }
    records = {known.name: known for known in run.record.models}
    for model in run.tasks:
        missing = _missing(run, model, records.get(model), policies.get(model))
        if missing is not None:
            yield missing
            continue
        policy = policies[model]
        yield from (_step(run, policy, step, records.get(model)) for step in policy.steps)
        for text in policy.advice:
            yield Statement(
                Question.TRAIN, text, Level.SUGGESTED, "train_footage", model, is_open=True
            )
        yield from _rest(model, policy)


def _missing(
    run: RunTables, model: str, record: ModelRecord | None, policy: Policy | None
) -> Statement | None:
    if record is not None and record.is_recorded:
        return _not_measured(model, NEEDS_MODEL, "train_needs_model")
    scene, advises = scene_of(run, model), policy is not None and (policy.steps or policy.advice)
    if scene is not None and not scene.is_known and not advises:
        text = f"No training advice: {model} does not seem to know this scene."
        return _not_measured(model, text, "train_unknown_scene")
    sensitivity = run.table("sensitivity")
    tried = sensitivity is not None and bool((sensitivity["model"] == model).any())
    pairs = max((int(account["n"].max()) for account in _accounts(run, model)), default=None)
    if policy is None and (pairs is None or pairs >= FEWEST_ROWS):
        text = "Not measured: the policy stage has not run."
        return _not_measured(
            model, text, "train_not_run", command=f"vidrobust policy {run.folder_name}"
        )
    if not tried and (pairs or 0) >= FEWEST_ROWS:
        text = "Not measured: no perturbation has been tried, so none can be recommended."
        command = f"vidrobust sensitivity {run.folder_name}"
        return _not_measured(model, text, "train_needs_sensitivity", command=command)
    if (pairs or 0) < FEWEST_ROWS:
        replayed = f"{plural(pairs or 0, 'pair')} replayed, {FEWEST_ROWS} needed"
        text = f"Not enough data to recommend augmentations: {replayed}."
        return _not_measured(model, text, "train_few_pairs", n=pairs or 0)
    return None


def _accounts(run: RunTables, model: str) -> Iterator[Any]:
    for prefix in run.tasks[model].accounts:
        account = whole(run, model, f"{prefix}account")
        if len(account):
            yield account


def _not_measured(model: str, text: str, kind: str, **more: Any) -> Statement:
    return Statement.missing(Question.TRAIN, text, kind, model, **more)


KINDS = {
    Level.TRIED: "train_tried",
    Level.REPLICATED: "train_replicated",
    Level.SUGGESTED: "train_suggested",
    Level.NO_EFFECT: "train_no_effect",
}


def _step(
    run: RunTables, policy: Policy, step: PolicyStep, record: ModelRecord | None
) -> Statement:
    evidence = step.evidence
    figures = [evidence.share, evidence.share_low, evidence.share_high]
    n, command, trial = evidence.n, "", policy.trial
    what = f"{phrase(step.perturbation).noun} {range_in_words(step)}"
    if step.level in (Level.TRIED, Level.NO_EFFECT):
        done = "Train with" if step.level is Level.TRIED else "No effect seen of training with"
        text = f"{done} {what}. After training with it, {trial}."
        figures = [policy.measured.get(name) for name in ("ratio", "low", "high")]
    elif step.level is Level.REPLICATED:
        text = f"Train with {what}. {_because(evidence)}"
    else:
        text = f"Worth trying: train with {what}. {_because(evidence)}{_but(policy, step)}"
        command = _trying(run, step, record)
        if not command:
            text += " To try it, train with it and compare the two models on this footage."
    value, low, high = (NAN if figure is None else float(figure) for figure in figures)
    return Statement(
        Question.TRAIN,
        text,
        step.level,
        KINDS[step.level],
        policy.model,
        value=value,
        low=low,
        high=high,
        n=n,
        command=command,
        is_open=step.level is Level.SUGGESTED,
    )


def _because(evidence: StepEvidence) -> str:
    share = part_with_interval(evidence.share, evidence.share_low, evidence.share_high)
    cause = f"{capital(CATALOGUE[evidence.cause].which('account'))} for"
    again, due = evidence.replication, evidence.flips_at_most
    text = f"{cause} {share} of {evidence.of}{f' ({again})' if again else ''}."
    return f"{text} Expected gain: {due}." if due else text


def _but(policy: Policy, step: PolicyStep) -> str:
    if not step.has_width:
        return " The footage shows one strength only, so there is no range to draw from yet."
    if policy.measured:
        return f" After training with the policy, {policy.trial}."
    if step.evidence.why_open:
        return f" Still open: {step.evidence.why_open}."
    if step.evidence.unknown_scene:
        return f" {policy.model} does not seem to know this scene; train it only if it is the model you train."
    return ""


# Kinds of models without a torch module that could be trained here.
NO_MODULE = ("onnx", "pt2", "openvino", "predictions", "detections", "python")


def _trying(run: RunTables, step: PolicyStep, record: ModelRecord | None) -> str:
    if (
        record is None
        or record.spec.partition(":")[0] in NO_MODULE
        or record.spec.endswith(".onnx")
    ):
        return ""
    several = f" --model {record.name}" if len(run.tasks) > 1 else ""
    return f"vidrobust adapt {run.folder_name}{several}"


def _rest(model: str, policy: Policy) -> Iterator[Statement]:
    open_ = [rejected for rejected in policy.rejected if rejected.outcome is Outcome.UNDETERMINED]
    if open_:
        first, *others = open_
        names = listing([phrase(rejected.perturbation).noun for rejected in open_], 3)
        whose = f"Of {phrase(first.perturbation).noun}" if others else "Why"
        text = f"Not enough data to say whether to train with {names}. {whose}: {reason(first)}."
        yield _not_measured(model, text, "train_open")
    elif not policy.steps and not policy.advice:
        judged = [
            rejected for rejected in policy.rejected if rejected.why is not Rejection.NOT_MEASURABLE
        ]
        tried = plural(len(judged), "perturbation")
        text = (
            f"No augmentation is supported: none of {tried} stands for a cause that matters here."
        )
        yield Statement(Question.TRAIN, text, Level.NO_EFFECT, "train_none", model)
