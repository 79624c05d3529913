"""Rows of the input, of another look and of changed networks: their answers against those that the run has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.remedies import compared, truth
from vidrobust.stages.remedies.label_rows import FLIPS, REVERTS, Study, flips_of_answered
from vidrobust.stages.remedies.row import NAN, Costs, Kind, row
from vidrobust.stages.replays.names import CONTROL, LOOK, NETWORKS, RESIZES, SHARED
from vidrobust.statistics.ratios import PairedRatio, paired_ratio

IMPOSSIBLE: Mapping[str, str] = {
    "sharper-focus": "not possible: what blur took away is not in the footage",
    "higher-resolution": "not possible: details that were not recorded are not in the footage",
    "no-keyframe-pulse": "not possible: the footage before coding is not available",
}
"""What cannot be replayed from footage."""


def input_rows(
    study: Study, replayed: pd.DataFrame, arms: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A row a remedy and metric; of what could not be replayed a row that says why.

    replayed  rows of the table ``replayed_answers`` of the model; arms: its entries in replays.json
    """
    model = study.answers[0].model
    about = {str(arm["remedy"]): arm for arm in arms if arm["model"] == model}
    for name in (*SHARED, *RESIZES):
        yield from _remedy(study, replayed, about, name, "input")
    for name in sorted(name for name in about if name.startswith("look-again-")):
        yield from _remedy(study, replayed, about, name, "look")
    if LOOK in about:
        yield from _silence(study, replayed, about[LOOK])
    for name in NETWORKS:
        yield from _remedy(study, replayed, about, name, "network")
    for name, why in IMPOSSIBLE.items():
        yield row("input", name, model, FLIPS, None, Costs(), why)


def _remedy(
    study: Study, replayed: pd.DataFrame, about: Mapping[str, Mapping[str, Any]], name: str, kind: Kind
) -> Iterator[dict[str, Any]]:
    model = study.answers[0].model
    arm = about.get(name)
    note = str(arm["note"]) if arm else "not replayed"
    labels = _labels(study, replayed, name, same=bool(arm and arm["same"]))
    if labels is None or arm is None:
        yield row(kind, name, model, FLIPS, None, Costs(), note)
        return
    every = np.concatenate(labels)
    same = np.concatenate([a.label == summary for a, summary in zip(study.answers, labels, strict=True)])
    costs = Costs(
        delay_frames=0,
        delay_ms=0,
        cost_ms=float(arm["cost_ms"]),
        agreement=float(same.mean()),
        **truth.costs(study.answers, study.right, labels, 1),
    )
    after = compared.flips_after(study.flips, every)
    found = paired_ratio(study.flips.before, after, study.flips.clusters, events=True)
    control = _labels(study, replayed, CONTROL)
    if name == "steady-camera" and control is not None:
        found, note = _against_control(study, found, after, np.concatenate(control), note)
    yield row(kind, name, model, FLIPS, found, costs, note)
    after = compared.reverts_after(study.reverts, labels, study.answers, study.window)
    found = paired_ratio(study.reverts.before, after, study.reverts.clusters, events=True)
    yield row(kind, name, model, REVERTS, found, costs, note)


def _against_control(
    study: Study, found: PairedRatio, after: np.ndarray, control: np.ndarray, note: str
) -> tuple[PairedRatio, str]:
    """The larger of two p-values: it must differ from doing nothing, and from shifting every frame alike."""
    softened = compared.flips_after(study.flips, control)
    against = paired_ratio(softened, after, study.flips.clusters, events=True)
    if np.isnan(against.p):
        return found, note
    said = f"{note}; shifting all frames alike leaves {100 * softened.mean():.3g} %"
    return dataclasses.replace(found, p=max(found.p, against.p)), said


def _silence(study: Study, replayed: pd.DataFrame, arm: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Saying nothing where a changed copy of the frame gets another answer."""
    labels = _labels(study, replayed, LOOK)
    if labels is None:
        return
    answered = [a.label == summary for a, summary in zip(study.answers, labels, strict=True)]
    every = np.concatenate(answered)
    costs = Costs(
        delay_frames=0,
        delay_ms=0,
        cost_ms=float(arm["cost_ms"]),
        agreement=float(every.mean()) if len(every) else NAN,
        asked=float(1 - every.mean()) if len(every) else NAN,
        **truth.costs_of_silence(study.answers, study.right, answered),
    )
    after = flips_of_answered(study, answered)
    found = paired_ratio(study.flips.before, after, study.flips.clusters, events=True)
    yield row("silence", "abstain-look", study.answers[0].model, FLIPS, found, costs, str(arm["note"]))


def _labels(
    study: Study, replayed: pd.DataFrame, name: str, *, same: bool = False
) -> list[np.ndarray] | None:
    """Of each input its labels, the model's own where it was not replayed; None where none was.

    same  on some input there was nothing to be done, and the model's own hold
    """
    mine = replayed[replayed["remedy"] == name]
    if mine.empty:
        return [answers.label for answers in study.answers] if same else None
    found = []
    of_item = dict(list(mine.groupby("item", sort=False)))
    for answers in study.answers:
        rows = of_item.get(answers.item)
        labels = answers.label
        if rows is not None:
            labels = rows.set_index("frame")["label"].reindex(answers.frame).to_numpy(np.float64)
            labels = np.where(np.isnan(labels), answers.label, labels).astype(np.int64)
        found.append(labels)
    return found
