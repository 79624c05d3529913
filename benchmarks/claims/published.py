"""What the public table of ImageNet models says: video, corruptions, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from claims.judge import Measure
from vidrobust.plugins.pooled_runs.published_models import FAMILIES, table
from vidrobust.plugins.published import corruption_error as alexnet
from vidrobust.plugins.published.perturbations import imagenet_c
from vidrobust.stages.correlate.from_summaries import family_of
from vidrobust.statistics.associations import effective_robustness, partial_spearman, pearson
from vidrobust.statistics.intervals import clopper_pearson, clustered_mean
from vidrobust.statistics.standard_errors import cluster_jackknife

FILTER = "189 of 338 rows: trained to the end on all of ImageNet, every value known"
VIDEO = {"vid": 1109, "ytbb": 2030}
"""Of each video set how many anchors it scores."""
COLOURS = ("brightness", "contrast", "saturate")
OTHERS = ("gaussian_noise", "jpeg_compression", "motion_blur")
TRAINED = {
    "AugMix": "resnet50_augmix",
    "CutMix": "resnet50_cutmix",
    "mixup": "resnet50_mixup",
    "stylized ImageNet": "resnet50_trained_on_SIN_and_IN_then_finetuned_on_IN",
    "Gaussian noise": "resnet50_with_gaussian_noise_aws",
    "brightness": "resnet50_with_brightness_aws",
    "contrast": "resnet50_with_contrast_aws",
}
"""ResNet-50 trained with something, by its name in the table."""
FILTERED = (
    *("alexnet", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "resnet101"),
    *("densenet121", "mobilenet_v2"),
)
"""Architectures of the table that are there with BlurPool, as NAME_lpf3, too."""
FILTERS = (2, 3, 5)
"""Sizes of its filter."""
CHANGED = (
    *("lpf", "_with_", "robust", "smoothing", "adv", "rotation", "SIN", "augmix", "cutmix"),
    *("cutout", "mixup", "ssl", "swsl", "instagram", "BiT", "jft", "Fix", "deepaugment"),
    *("autoaug", "randaug", "aws", "11k", "21k", "greyscale", "100percent", "caffe"),
)
"""In the name of a network that was trained otherwise than its architecture usually is, or on more pictures."""
ROBUST = {"AugMix": "resnet50_augmix", "DeepAugment and AugMix": "resnet50_deepaugment_augmix"}
COUNTS = {"pm0": (749, 1109), "pm10": (582, 1109)}
"""ResNet-50 on ImageNet-Vid-Robust: right anchors, and those that stay right (published accuracies times 1109)."""


def measures() -> dict[str, Measure]:
    """All that is asked of the table; families of architectures are the independent clusters."""
    models = table()
    usual = models[[not any(word in name for word in CHANGED) for name in models.index]]
    on = f"public table, {FILTER}"
    return {
        **_correlations(usual, f"the {len(usual)} of the public table that were trained as usual"),
        **_transfer(models, on),
        **_drops(models),
        **_interventions(models, usual),
        **_corruptions(models),
        **_filters(models),
        **_exact(),
    }


def _kept(models: pd.DataFrame, of: str) -> np.ndarray:
    return (models[f"{of}_pm10"] / models[f"{of}_pm0"]).to_numpy(float)


def _jackknifed(
    models: pd.DataFrame, coefficient: Callable[[np.ndarray], np.ndarray], on: str, lost: int = 2
) -> Measure:
    family = np.array([family_of(name) for name in models.index])
    found = cluster_jackknife(coefficient, family, lost=lost)
    count = len(np.unique(family))
    value, low, high = (float(np.ravel(x)[0]) for x in (found.value, found.low, found.high))
    return Measure(
        value=value, low=low, high=high, n=len(models), clusters=count, on=f"{on}, {count} families"
    )


def _correlations(models: pd.DataFrame, on: str) -> dict[str, Measure]:
    accuracy, found = models["val"].to_numpy(float)[:, None], {}
    for of in VIDEO:
        kept = _kept(models, of)[:, None]
        found[f"table r accuracy {of}"] = _jackknifed(
            models, lambda r, y=kept: pearson(accuracy[r], y[r]), on
        )
    kept = _kept(models, "vid")[:, None]
    for name in (*COLOURS, *OTHERS):
        right = (100 - models[name].to_numpy(float))[:, None]
        found[f"table r {name}"] = _jackknifed(
            models, lambda r, x=right: pearson(x[r], kept[r]), on
        )
        found[f"table left {name}"] = _jackknifed(
            models, lambda r, x=right: partial_spearman(x[r], kept[r], accuracy[r]), on, lost=3
        )
    return found


def _transfer(models: pd.DataFrame, on: str) -> dict[str, Measure]:
    """Accuracy beyond what clean accuracy lets expect: under corruptions against on the frames of video."""
    clean = models["val"].to_numpy(float) / 100
    right = 1 - models[list(FAMILIES)].to_numpy(float).mean(axis=1) / 100
    video = models["vid_pm10"].to_numpy(float) / 100
    before = models["vid_pm0"].to_numpy(float) / 100

    def correlation(rows: np.ndarray) -> np.ndarray:
        synthetic = effective_robustness(clean[rows], right[rows, None])
        natural = effective_robustness(before[rows], video[rows, None])
        return pearson(synthetic, natural)

    return {"table transfer": _jackknifed(models, correlation, on)}


def _drops(models: pd.DataFrame) -> dict[str, Measure]:
    """The median over networks; its interval from the ranks of a binomial, networks taken as independent.

    The other rows are mostly checkpoints of two trainings, which are not independent; theirs is only named.
    """
    every = table("testbed_video.csv").reset_index()
    found = {}
    for of in VIDEO:
        drop = np.sort((models[f"{of}_pm0"] - models[f"{of}_pm10"]).to_numpy(float)) / 100
        n = len(drop)
        half = 1.96 * np.sqrt(n) / 2
        low, high = drop[max(0, int(n / 2 - half) - 1)], drop[min(n - 1, int(n / 2 + half) + 1)]
        whole = (every[f"{of}_pm0"] - every[f"{of}_pm10"]).median()
        on = f"{FILTER}; over all {len(every)} rows with both figures {whole:.3g} %"
        found[f"table drop {of}"] = Measure(
            value=float(np.median(drop)), low=float(low), high=float(high), n=n, clusters=n, on=on
        )
    return found


def _interventions(models: pd.DataFrame, usual: pd.DataFrame) -> dict[str, Measure]:
    """pm10 / pm0 of a trained ResNet-50 less what its accuracy lets expect, by the line of the usual networks.

    Over the right anchors of both video sets.
    """
    x, found = usual["val"].to_numpy(float), {}
    lines = {of: np.polyfit(x, _kept(usual, of), 1) for of in VIDEO}
    for name, row in TRAINED.items():
        right = {of: round(most * models.loc[row, f"{of}_pm0"] / 100) for of, most in VIDEO.items()}
        stay = sum(round(most * models.loc[row, f"{of}_pm10"] / 100) for of, most in VIDEO.items())
        n = sum(right.values())
        expected = (
            sum(right[of] * float(np.polyval(lines[of], models.loc[row, "val"])) for of in VIDEO)
            / n
        )
        low, high = clopper_pearson(stay, n)
        found[f"table gain {name}"] = Measure(
            value=stay / n - expected,
            low=low - expected,
            high=high - expected,
            n=n,
            clusters=n,
            on=f"{row} of the table, {n} right anchors of ImageNet-Vid-Robust and YTBB-Robust",
        )
    return found


def _corruptions(models: pd.DataFrame) -> dict[str, Measure]:
    """mCE and relative mCE of ResNet-50 over AlexNet, both of the table; and of AlexNet by the constants."""
    names, base = list(imagenet_c.TEST), models.loc["alexnet"]
    by = base[names].to_numpy(float) / 100
    one = models.loc["resnet50", names].to_numpy(float) / 100
    clean, of_base = 1 - models.loc["resnet50", "val"] / 100, 1 - base["val"] / 100
    constants = np.array([np.mean(alexnet.ERRORS[name]) for name in names])
    named = {"resnet50": "resnet50", **ROBUST}
    ces = {
        f"table mce {name}": (row, models.loc[row, names].to_numpy(float) / 100 / by)
        for name, row in named.items()
    }
    ces["table relative mce resnet50"] = ("resnet50", (one - clean) / (by - of_base))
    ces["table alexnet by constants"] = ("alexnet", by / constants)
    ces["alexnet into itself"] = ("alexnet", constants / constants)
    found = {}
    for key, (row, each) in ces.items():  # computed, not estimated
        value = 100 * float(np.mean(each))
        about = f"{row} and alexnet of the table, 15 corruptions"
        found[key] = Measure(value=value, low=value, high=value, n=1, clusters=1, on=about)
    return found


def _filters(models: pd.DataFrame) -> dict[str, Measure]:
    """What BlurPool adds to accuracy, and to what is kept between frames, over nine architectures."""
    without = models.loc[list(FILTERED)]
    each = [models.loc[[f"{name}_lpf{size}" for name in FILTERED]] for size in FILTERS]
    gains: Mapping[str, np.ndarray] = {
        "accuracy": np.mean(
            [m["val"].to_numpy(float) - without["val"].to_numpy(float) for m in each], axis=0
        )
        / 100,
        "video": np.mean([_kept(m, "vid") - _kept(without, "vid") for m in each], axis=0),
    }
    on = f"{len(FILTERED)} architectures of the table, without BlurPool and with filters of 2, 3 and 5"
    return {
        f"table blurpool {name}": Measure.of(
            clustered_mean(gain, np.arange(len(gain)), bounds=(-1.0, 1.0)), on
        )
        for name, gain in gains.items()
    }


def _exact() -> dict[str, Measure]:
    """The interval of the published counts."""
    found = {}
    for name, (right, anchors) in COUNTS.items():
        low, high = clopper_pearson(right, anchors)
        found[f"exact {name}"] = Measure(
            value=right / anchors,
            low=low,
            high=high,
            n=anchors,
            clusters=anchors,
            on="the published counts",
        )
    return found
