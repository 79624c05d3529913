"""Which corruptions stand for video across real models: a published table, with negative controls.

    python benchmarks/published_models.py [--draws 20]

189 ImageNet models (benchmarks/data/testbed_models.csv): the error under each of 19 corruptions against the
accuracy kept between neighbouring frames of video (pm-10 over pm-0), on two video sets, given clean accuracy. The
same against two sets of drawings, for which no corruption of video should stand. Printed for each target: how many
corruptions pass the coefficient alone, beside the perturbations of other families, and beside other data too. Then
nulls on the same models: each is given the instability of a model of nearly the same accuracy.
"""

from __future__ import annotations

from pathlib import Path

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.stages.correlate.from_summaries import MetricRoles, family_of, units_of_summaries
from vidrobust.stages.correlate.study import CorrelationResult, correlate

DATA = Path(__file__).parent / "data" / "testbed_models.csv"
TARGETS = {
    "ImageNet-Vid-Robust": ("vid_pm10", "vid_pm0"),
    "YTBB-Robust": ("ytbb_pm10", "ytbb_pm0"),
    "sketches": ("sketch", "val"),
    "renditions": ("renditions", "val_renditions"),
}
CORRUPTIONS = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus_blur", "gaussian_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "spatter"),
    "light": ("brightness", "contrast"),
    "colour": ("saturate",),
    "compression": ("jpeg_compression", "pixelate"),
    "geometry": ("elastic_transform",),
}
FAMILIES = {name: family for family, names in CORRUPTIONS.items() for name in names}


def table() -> pd.DataFrame:
    """One row per model: accuracies and errors, percent."""
    return pd.read_csv(DATA, comment="#").set_index("model")


def study(
    models: pd.DataFrame, target: str, foreign: str = "", *, seed: int = 0, resamples: int = 2000
) -> CorrelationResult:
    """The study across these models, of one target, with another set as foreign data or without any."""
    kept = {
        name: models[a] / models[b] for name, (a, b) in TARGETS.items() if name in (target, foreign)
    }
    natural = pd.DataFrame({"accuracy": models["val"], **kept}).rename_axis("model").reset_index()
    stability = natural.melt("model", var_name="metric", value_name="value").assign(item="")
    errors = models[list(FAMILIES)].rename_axis("model").reset_index()
    sensitivity = errors.melt("model", var_name="perturbation", value_name="value")
    units = units_of_summaries(
        stability,
        sensitivity.assign(item="", strength=1.0, metric="top1_error"),
        roles=MetricRoles(
            confounders=("accuracy",),
            foreign=(foreign,) if foreign else (),
            groups={name: family_of(name) for name in models.index},
            higher_is_better=dict.fromkeys(kept, True),
            primary_stability=target,
        ),
    )
    return correlate(units, FAMILIES, seed=seed, resamples=resamples)


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
