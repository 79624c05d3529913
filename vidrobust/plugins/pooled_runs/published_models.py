"""Which corruptions stand for video across 189 published ImageNet models: ``correlate --published``, without footage.

The table is ``robustness_top1s.csv`` of imagenet-testbed (Taori et al. 2020, MIT licence): accuracy on two video sets
(Shankar et al. 2019), on sketches and renditions, and the error under each corruption of ImageNet-C.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.pooled_runs.runs import empty_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.from_summaries import MetricRoles, family_of, units_of_summaries
from vidrobust.stages.correlate.page import PublishedValue, write_page
from vidrobust.stages.correlate.studies import conclude
from vidrobust.stages.correlate.study import CorrelationResult, correlate
from vidrobust.statistics.associations import pearson
from vidrobust.text.numbers import number, with_interval

# name of a target -> its columns in the table: accuracy on it, and on the pictures that it is compared with
TARGETS = {
    "ImageNet-Vid-Robust": ("vid_pm10", "vid_pm0"),
    "YTBB-Robust": ("ytbb_pm10", "ytbb_pm0"),
    "sketches": ("sketch", "val"),
    "renditions": ("renditions", "val_renditions"),
}
VIDEO = ("ImageNet-Vid-Robust", "YTBB-Robust")
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
# What Gu et al. 2019 (abstract and matrix) and Shankar et al. 2019 state of these corruptions.
SAID = {
    "brightness": "Gu et al. 2019: colour distortions are good proxies of natural robustness",
    "contrast": "Gu et al. 2019: the same",
    "saturate": "Gu et al. 2019: the same",
}
RESNET_50 = {
    "vid_pm0": "67.5 %",
    "vid_pm10": "52.5 %",
}  # Shankar et al. 2019, 749 and 582 of 1,109 anchors


def table(name: str = "testbed_models.csv") -> pd.DataFrame:
    """Return one row a model: accuracies and errors in percent; ``testbed_video.csv`` has 335 models on video alone."""
    file = resources.files(__package__).joinpath(name)
    with file.open(encoding="utf-8") as text:
        return pd.read_csv(text, comment="#").set_index("model")


def study(
    models: pd.DataFrame,
    target: str,
    foreign: str = "",
    *,
    beside: str = "",
    seed: int = 0,
    resamples: int = 2000,
) -> CorrelationResult:
    """Study one target across these models, with another set as foreign data or without any.

    ``beside`` is a second target that is correlated too, and on which no verdict rests.
    """
    wanted = (target, beside, foreign)
    kept = {name: models[a] / models[b] for name, (a, b) in TARGETS.items() if name in wanted}
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


def correlate_published(
    out: Path, *, resamples: int = 2000, seed: int = 0, reporter: Reporter
) -> dict[str, Any]:
    """Correlate the published table on both video sets; write into ``out`` and return correlation.json."""
    models = table()
    folder = empty_folder(out, Settings(resamples=resamples, seed=seed))
    target, beside = VIDEO
    result = study(models, target, "sketches", beside=beside, seed=seed, resamples=resamples)
    conclusions = conclude(folder, [("models", "", result)], [], reporter)
    reporter.say(f"correlation: {write_page(folder, tuple(_beside(models, result)))}")
    return conclusions


def _beside(models: pd.DataFrame, result: CorrelationResult) -> Iterator[PublishedValue]:
    """Yield what papers state, beside the same of the table; video is ImageNet-Vid-Robust."""
    for column, published in RESNET_50.items():
        yield PublishedValue(
            statement=f"ResNet-50, {column.replace('vid_pm', 'pm-')} on ImageNet-Vid-Robust",
            published=f"{published} (Shankar et al. 2019)",
            here=f"{number(float(models.loc['resnet50', column]), 3)} %",
        )
    accuracy = models["val"].to_numpy()[:, None]
    kept = (models["vid_pm10"] / models["vid_pm0"]).to_numpy()[:, None]
    yield PublishedValue(
        statement="Clean accuracy goes with robustness on video (Pearson, over models)",
        published="more accurate models are more robust (Gu et al. 2019)",
        here=number(float(pearson(accuracy, kept)[0, 0])),
    )
    video = table("testbed_video.csv")
    ratios = [
        (video[a] / video[b]).to_numpy()[:, None] for a, b in (TARGETS[name] for name in VIDEO)
    ]
    yield PublishedValue(
        statement=f"Both video sets order {len(video)} models alike (Pearson of pm-10 / pm-0)",
        published="drops on both are substantial and go together (Shankar et al. 2019)",
        here=number(float(pearson(*ratios)[0, 0])),
    )
    rows = result.table[result.table["primary"]].set_index(["method", "perturbation"])
    for corruption, published in SAID.items():
        raw, partial = rows.loc[("pearson", corruption)], rows.loc[("partial_spearman", corruption)]
        here = f"{number(raw['value'])} raw; {with_interval(*partial[['value', 'low', 'high']])} given accuracy"
        yield PublishedValue(statement=f"{corruption} and video", published=published, here=here)
