"""Rows of the tables ``unknown``, ``unknown_links`` and ``unknown_frames``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.unknown.study import ScoreStudied, leading
from vidrobust.tables import schema as tables

NAN = float("nan")


def score_rows(model: str, found: Sequence[ScoreStudied], allowed: float) -> pd.DataFrame:
    """A row a score, also of those that cannot be had."""
    first = leading(list(found))
    rows = []
    for each in found:
        row: dict[str, Any] = {
            "model": model,
            "score": each.score.name,
            "leading": each is first,
            "allowed": allowed,
        }
        rows.append({**_NOTHING, **row, "why": each.why, **_measured(each)})
    return tables.check("unknown", pd.DataFrame(rows))


_NOTHING: dict[str, Any] = {
    **dict.fromkeys(
        ("threshold", "false_alarms", "false_alarms_low", "false_alarms_high", "effective_frames"), NAN
    ),
    **dict.fromkeys(("outside", "low", "high", "excess", "excess_low", "excess_high"), NAN),
    **dict.fromkeys(("known_frames", "known_clusters", "n", "clusters"), 0),
    **dict.fromkeys(("known_cluster", "verdict", "cluster"), ""),
}


def _measured(each: ScoreStudied) -> dict[str, Any]:
    if each.known is None or each.outside is None:
        return {}
    alarms, share, excess = each.known.false_alarms, each.outside.share, each.outside.excess
    return {
        "threshold": each.known.threshold,
        "false_alarms": alarms.value,
        "false_alarms_low": alarms.low,
        "false_alarms_high": alarms.high,
        "known_frames": alarms.n,
        "known_cluster": alarms.cluster,
        "known_clusters": alarms.clusters,
        "effective_frames": each.known.effective,
        "outside": share.value,
        "low": share.low,
        "high": share.high,
        "excess": excess.value,
        "excess_low": excess.low,
        "excess_high": excess.high,
        "verdict": each.outside.verdict,
        "why": each.outside.why,
        "n": share.n,
        "clusters": share.clusters,
        "cluster": share.cluster,
    }


def link_rows(model: str, found: Sequence[ScoreStudied]) -> pd.DataFrame:
    """A row a score, event, and alone or given the margin."""
    rows = [
        {
            "model": model,
            "score": each.score.name,
            "event": link.event,
            "given": link.given,
            "auroc": link.auroc.value,
            "low": link.auroc.low,
            "high": link.auroc.high,
            "verdict": link.verdict,
            "why": link.why,
            "events": link.events,
            "n": link.auroc.n,
            "cluster": link.auroc.cluster,
            "clusters": link.auroc.clusters,
        }
        for each in found
        for link in each.links
    ]
    return tables.check("unknown_links", pd.DataFrame(rows)) if rows else tables.empty("unknown_links")


def frame_rows(model: str, found: Sequence[ScoreStudied], frames: pd.DataFrame) -> pd.DataFrame:
    """A row a frame and score that can be had."""
    parts = [
        frames[["item", "frame", "time_s"]].assign(
            model=model,
            score=each.score.name,
            value=each.values,
            outside=np.zeros(len(frames), bool) if each.outside is None else each.outside.above,
        )
        for each in found
        if each.values is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else tables.empty("unknown_frames")
