"""One classifier from known frames to verdicts, by made features; frames taken, and what happens there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vidrobust.plugins.unknown.footage import FrameReadouts, spread
from vidrobust.plugins.unknown.inside import Readout
from vidrobust.plugins.unknown.make import events_of
from vidrobust.plugins.unknown.settings import FLIP
from vidrobust.plugins.unknown.study import FrameEvents, leading, study

CLIPS, FRAMES, D = 8, 20, 6


def asked(seed: int, further: float, *, turns: float) -> FrameReadouts:
    """Features of clips about a level of their own, ``further`` from the known ones; turns show by ``turns``."""
    rng = np.random.default_rng(seed)
    n = CLIPS * FRAMES
    clip = np.arange(CLIPS).repeat(FRAMES)
    features = 3 + 0.3 * rng.standard_normal((CLIPS, D))[clip] + rng.standard_normal((n, D))
    features[:, 0] += further
    turned = (
        features[:, None, :] + turns * np.eye(4, D)[None] + 0.1 * rng.standard_normal((n, 4, D))
    )
    logits = rng.standard_normal((n, 3))
    logits[:, 0] += 2
    rows = pd.DataFrame(
        {"item": [f"{seed}_{c}" for c in clip], "frame": np.arange(n) % FRAMES, "part": ""}
    )
    rows["time_s"] = rows["frame"] / 10
    looked = Readout(
        answer=logits.argmax(axis=1),
        surest=np.exp(logits).max(axis=1) / np.exp(logits).sum(axis=1),
        logits=logits,
        features=features.astype(np.float32),
        turned=turned.astype(np.float32),
    )
    return FrameReadouts(rows, {"m": looked})


def found(further: float, turns: float) -> dict[str, Any]:
    events = FrameEvents(
        np.random.default_rng(0).random(CLIPS * FRAMES), {FLIP: np.zeros(CLIPS * FRAMES)}
    )
    lacks: dict[str, str] = {}
    every = study(
        asked(1, 0.0, turns=turns), asked(2, further, turns=turns), "m", lacks, events, 0.05
    )
    assert leading(every) is every[0]
    return {each.score.name: each for each in every}


def test_features_far_away_are_outside_and_logits_that_are_alike_are_not() -> None:
    every = found(20.0, turns=4.0)
    assert every["neighbours"].outside.verdict == "outside"
    assert every["energy"].outside.verdict != "outside"
    assert every["max_softmax"].outside.share.value < 0.2
    assert every["rotation"].why == ""


def test_a_probe_that_cannot_tell_the_turns_is_refused() -> None:
    every = found(0.0, turns=0.0)
    assert every["rotation"].values is None
    assert every["rotation"].why.startswith("the probe names ")
    assert every["rotation"].why.endswith(
        "of held-out known frames, by chance it would be a quarter"
    )


def test_frames_are_taken_evenly() -> None:
    assert spread(4, 9).tolist() == [0, 1, 2, 3]
    assert spread(10, 5).tolist() == [1, 3, 5, 7, 9]
    assert len(spread(12345, 500)) == 500


def test_a_frame_flips_where_it_differs_from_a_usable_neighbour() -> None:
    """Labels a a b b c, the last pair is excluded: frames 1 and 2 flip, of frame 4 nothing is known."""
    pairs = pd.DataFrame(
        {
            "item": "a",
            "frame_a": [0, 1, 2, 3, 0],
            "frame_b": [1, 2, 3, 4, 4],
            "model": "m",
            "kind": ["adjacent"] * 4 + ["anchor"],
            "excluded": ["", "", "", "cut", ""],
            "label_flip": [False, True, False, True, True],
        }
    )
    run: Any = SimpleNamespace(
        table=lambda name: pairs if name == "pairs" else pd.DataFrame(), models=[], path=Path()
    )
    rows = pd.DataFrame(
        {"item": "a", "frame": range(5), "time_s": np.arange(5) / 10, "label": [0, 0, 1, 1, 2]}
    )
    assert events_of(run, "m", rows)[FLIP] == pytest.approx([0, 1, 1, 0, np.nan], nan_ok=True)
