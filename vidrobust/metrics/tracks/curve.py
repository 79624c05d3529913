"""Stability of a detector at every threshold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.measures import measure

THRESHOLDS = tuple(round(0.1 + 0.05 * k, 2) for k in range(17))  # From .1 to .9


def curve(
    item: ItemBoxes, settings: TrackSettings, thresholds: tuple[float, ...] = THRESHOLDS
) -> pd.DataFrame:
    """Measure the stability of one input at each threshold of track start; the band below it keeps its width.

    Frames include gaps; thresholds of single classes are ignored.
    """
    band = settings.start_score - settings.keep_score
    rows = []
    for threshold in thresholds:
        at = dataclasses.replace(
            settings,
            start_score=threshold,
            keep_score=max(0.0, round(threshold - band, 6)),
            start_scores=(),
        )
        found_at = measure(item, follow(item, at), at)
        along = found_at.along
        jitter = along["center_jitter"].to_numpy(np.float64)
        rows.append(
            {
                "threshold": threshold,
                "tracks": len(found_at.tracks),
                "frames": int(along["missed"].notna().sum()),
                "missed": int(along["missed"].sum()),
                "expected": int(along["uncovered"].notna().sum()),
                "uncovered": int(along["uncovered"].sum()),
                "renamed": int(along["flip"].sum()),
                "vanished": int(found_at.tracks["vanished"].sum()),
                "center_jitter": float(np.nanmean(jitter))
                if np.isfinite(jitter).any()
                else float("nan"),
            }
        )
    return pd.DataFrame(rows)
