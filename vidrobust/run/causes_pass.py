"""The third pass: why did it flip, here? Chosen pairs of every item, replayed; and pictures of the worst."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust import tables
from vidrobust.account import causes, direction
from vidrobust.predictions import Classifier
from vidrobust.run.moments import MomentWriter
from vidrobust.run.run import Run

CHUNK = 4


def run(run: Run) -> None:
    """Measure and write ``causes`` and ``directions``, and the pictures of the worst moments."""
    pairs = run.table("pairs")
    models = [model for model in run.models if isinstance(model, Classifier)]
    wanted = pairs_to_study(pairs, run.settings.pairs, run.settings.seed)
    moments = MomentWriter(run.folder, models)
    moments.choose(pairs, run.table("frames"))
    found: list[pd.DataFrame] = []
    directions: list[pd.DataFrame] = []
    for name in pairs["item"].drop_duplicates():
        chosen = wanted[wanted["item"] == name]
        with (
            run.opened(name) as source,
            run.reporter.counting(f"{name}: causes", len(chosen), "pairs") as counter,
        ):
            for start in range(0, len(chosen), CHUNK):
                part = chosen.iloc[start : start + CHUNK]
                a = source.at(part["frame_a"].astype(int).tolist())
                b = source.at(part["frame_b"].astype(int).tolist())
                found.append(causes.study_pairs(name, a, b, models, seed=run.settings.seed).table)
                directions.append(direction.study_pairs(name, a, b, models))
                counter.advance(len(part))
            moments.take(run.item(name), source, seed=run.settings.seed)
    kept = [part for part in found if len(part)]
    table = pd.concat(kept, ignore_index=True) if kept else tables.empty("causes")
    if len(table):
        table = table.merge(wanted, on=["item", "frame_a", "frame_b"], how="left")
    run.folder.write_table("causes", table)
    kept = [part for part in directions if len(part)]
    run.folder.write_table(
        "directions", pd.concat(kept, ignore_index=True) if kept else tables.empty("directions")
    )
    moments.write()


def pairs_to_study(pairs: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Per item up to ``count`` usable adjacent pairs: half the strongest flips, half drawn by chance.

    Columns item, frame_a, frame_b, chosen ("flip", "random"). Where there are fewer flips the rest is drawn by
    chance too; a pair that flips in any of the models counts as a flip. The largest total variation over the
    models decides which flips come first.
    """
    usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    each = (
        usable.groupby(["item", "frame_a", "frame_b"], sort=True)
        .agg(flip=("label_flip", "any"), change=("total_variation", "max"))
        .reset_index()
    )
    parts = []
    for number, (_, of_item) in enumerate(each.groupby("item", sort=True)):
        flips = of_item[of_item["flip"]].nlargest((count + 1) // 2, "change")
        rest = of_item.drop(flips.index)
        generator = np.random.default_rng([seed, number])
        drawn = rest.iloc[generator.choice(len(rest), size=min(len(rest), count - len(flips)), replace=False)]
        parts += [flips.assign(chosen="flip"), drawn.assign(chosen="random")]
    columns = ["item", "frame_a", "frame_b", "chosen"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts)[columns].sort_values(["item", "frame_a"]).reset_index(drop=True)
