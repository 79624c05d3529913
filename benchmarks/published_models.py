"""Which corruptions stand for video across real models: a published table, with negative controls.

    python benchmarks/published_models.py [--draws 20]

189 ImageNet models (the table of ``correlate --published``): the error under each of 19 corruptions against the
accuracy kept between neighbouring frames of video (pm-10 over pm-0), on two video sets, given clean accuracy. The
same against two sets of drawings, for which no corruption of video should stand. Printed for each target: how many
corruptions pass the coefficient alone, beside the perturbations of other families, and beside other data too. Then
nulls on the same models: each is given the instability of a model of nearly the same accuracy.
"""

from __future__ import annotations

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.plugins.pooled_runs.published_models import TARGETS, study, table
from vidrobust.stages.correlate.from_summaries import family_of
from vidrobust.stages.correlate.study import CorrelationResult


def alone(result: CorrelationResult) -> list[str]:
    """The corruptions that pass the coefficient alone, without negative controls."""
    rows = result.table[result.table["primary"] & (result.table["method"] == "partial_spearman")]
    curved = result.table[
        result.table["primary"] & (result.table["method"] == "partial_spearman_curved")
    ]
    passed = (
        (rows["low"].to_numpy() > 0)
        & (curved["low"].to_numpy() > 0)
        & (rows["low_without"].to_numpy() > 0)
        & (rows["q"].to_numpy() <= 0.05)
    )
    return list(rows["perturbation"][passed])


def proxies(result: CorrelationResult) -> list[str]:
    """The corruptions that are called proxies."""
    rows = result.table[result.table["primary"] & (result.table["method"] == "partial_spearman")]
    return list(rows["perturbation"][rows["verdict"] == "proxy"])


def dealt_anew(models: pd.DataFrame, target: str, rng: np.random.Generator) -> pd.DataFrame:
    """The models with the instability of another model of nearly the same accuracy: no tie beyond accuracy."""
    a, b = TARGETS[target]
    order = np.argsort(models["val"].to_numpy(), kind="stable")
    near = np.argsort(np.arange(len(order)) + rng.uniform(0, 12, size=len(order)))
    dealt = models.copy()
    dealt.loc[models.index[order], a] = (models[a] / models[b]).to_numpy()[order][near] * models[
        b
    ].to_numpy()[order]
    return dealt


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    models = table()
    say(f"{len(models)} models, {len({family_of(name) for name in models.index})} families\n")
    shown = harness.table("target", "alone", "beside other families", "beside other data too")
    for target in TARGETS:
        foreign = "sketches" if target not in ("sketches", "renditions") else "ImageNet-Vid-Robust"
        plain, controlled = study(models, target), study(models, target, foreign)
        beside, too = (", ".join(proxies(each)) for each in (plain, controlled))
        shown.row(target, f"{len(alone(plain))} of 19", beside, f"{too} (against {foreign})")
    rng = np.random.default_rng(0)
    called = [
        len(
            proxies(
                study(dealt_anew(models, "ImageNet-Vid-Robust", rng), "ImageNet-Vid-Robust", seed=k)
            )
        )
        for k in range(arguments.draws)
    ]
    say(f"\ndealt anew: {np.mean(called) / 19:.1%} of {19 * arguments.draws} called proxies")


if __name__ == "__main__":
    harness.run(main)
