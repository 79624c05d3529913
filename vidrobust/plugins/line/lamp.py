"""The first demo: a line under a lamp that flickers. The cause is planted, known, and can be fixed.

The same parts are rendered twice, with the lamp flickering and still. What the model says of both gives the share of
the change that the flicker really has, beside which the study's own answer is shown.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.files.csv_table import read_columns
from vidrobust.metrics.metric import usable_pairs
from vidrobust.models.load import load_model
from vidrobust.models.predict import predict
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.answer.text import console_text
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.numbers import percent
from vidrobust.text.phrases import plural
from vidrobust.video.source import open_video

MODEL = "line-classifier"
FLICKER = "flicker=0.25"  # the lamp's amplitude, as a share of its light
# Eight parts, one second each: a rule is judged on six clips at least.
LINE = RenderSettings(parts=8, seconds=1.0, seed=7, dials=(FLICKER,))
STUDY = Settings(model=(MODEL,), frames=24, pairs=16, resamples=2000, workers=2)
TINY = 1e-12  # smallest probability before the logarithm


def demo_lamp(
    out: str, reporter: Reporter, *, line: RenderSettings = LINE, study: Settings = STUDY
) -> list[str]:
    """Render both, study the one that flickers; return the lines of the answer and what was planted."""
    run = _studied(out, reporter, line, study)
    still = _still(out, reporter, line)
    pairs = usable_pairs(run.rows("pairs"))
    share, flips = planted_share(run, still), _flips(pairs, still)
    text = (
        f"Planted: the flicker causes {percent(share)} of the change. With a lamp that is still, the same parts "
        f"give {plural(flips, 'flip')} instead of {int(pairs['label_flip'].sum())}."
    )
    return [*console_text(run).splitlines(), text]


def _studied(out: str, reporter: Reporter, line: RenderSettings, study: Settings) -> RunTables:
    manifest = rendered(Path(f"{out.rstrip('/')}-footage"), line, reporter)
    return studied_run(manifest, study, out, reporter)


def studied_run(manifest: Path, study: Settings, out: str, reporter: Reporter) -> RunTables:
    """Make every stage of a study of rendered clips."""
    chosen = study.changed({"sources": [str(manifest)]}, "demo")
    with opened_sources(chosen, out, reporter) as run:
        build(run, STAGES, STAGES.studied)
    return RunTables(Path(out))


def _still(out: str, reporter: Reporter, line: RenderSettings) -> pd.DataFrame:
    """Return the centred logits by item and frame of the same parts under a lamp that does not flicker."""
    calm = RenderSettings(parts=line.parts, seconds=line.seconds, seed=line.seed)
    manifest = rendered(Path(f"{out.rstrip('/')}-still"), calm, reporter)
    model: Any = load_model(MODEL)
    rows: dict[tuple[str, int], np.ndarray] = {}
    for clip in read_columns(manifest).itertuples():
        with open_video(manifest.parent / str(clip.path)) as source:
            for batch in source.batches(16):
                shares = predict(model, batch.pixels).probabilities
                rows |= {
                    (clip.item, int(k)): row for k, row in zip(batch.index, shares, strict=True)
                }
    return _centred(pd.DataFrame.from_dict(rows, orient="index"))


def rendered(folder: Path, line: RenderSettings, reporter: Reporter) -> Path:
    """Render clips anew; return their manifest."""
    clips = line.parts * line.passes * line.stations
    dials = ", ".join(line.dials) or "all dials at rest"
    reporter.say(f"rendering {clips} clips into {folder}: {dials}")
    render(line, folder, workers=min(2, os.cpu_count() or 1), overwrite=True)
    return folder / "manifest.csv"


def planted_share(run: RunTables, still: pd.DataFrame) -> float:
    """Return the share of the change of the centred logits that is gone where the lamp is still.

    With d the change between two frames and d0 that of the same frames without the flicker, it is the sum of
    <d, d - d0> over that of <d, d>: the projection that the account estimates by replaying.
    """
    pairs = usable_pairs(run.rows("pairs"))
    table = run.rows("probabilities")
    p = table.pivot_table(index=["item", "frame"], columns="label", values="probability")
    moved, alone = _change(_centred(p.fillna(0.0)), pairs), _change(still, pairs)
    return float((moved * (moved - alone)).sum() / (moved * moved).sum())


def _centred(probabilities: pd.DataFrame) -> pd.DataFrame:
    logits = np.log(np.maximum(probabilities, TINY))
    return logits.sub(logits.mean(axis=1), axis=0)


def _change(logits: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Return the change of the centred logits of each pair, (P, K) float64."""
    a, b = _ends(logits, pairs)
    return b - a


def _flips(pairs: pd.DataFrame, logits: pd.DataFrame) -> int:
    a, b = _ends(logits, pairs)
    return int((a.argmax(axis=1) != b.argmax(axis=1)).sum())


def _ends(logits: pd.DataFrame, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    a, b = (
        logits.reindex(pd.MultiIndex.from_frame(pairs[["item", frame]])).to_numpy(np.float64)
        for frame in ("frame_a", "frame_b")
    )
    return a, b
