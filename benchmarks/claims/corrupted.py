"""Errors under the fifteen corruptions of ImageNet-C, clip by clip, for networks of growing size."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from claims.judge import Measure
from claims.pictures import Clip, frames_of
from vidrobust.models.load import load_classifiers
from vidrobust.plugins.published.corruptions import corruptions
from vidrobust.plugins.published.labelled_images import read_labels
from vidrobust.statistics.intervals import clustered_mean

OF_EACH = 2
UNBOUNDED = (-np.inf, np.inf)
LADDER = (
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.5_160",
    "mobilenet_v1_0.75_192",
    "mobilenet_v1_1.0_224",
)
"""One architecture, wider and with more pixels from step to step."""


def of_clip(clip: Clip, specs: Sequence[str]) -> dict[str, dict[str, float]]:
    """Clean error, mCE and relative mCE of every network on a few frames of a clip."""
    with tempfile.TemporaryDirectory() as made:
        folder, lines = Path(made), ["file,label"]
        for picture in frames_of(clip.path, OF_EACH):
            name = f"{picture.frame}.png"
            Image.fromarray(picture.pixels.permute(1, 2, 0).contiguous().numpy()).save(
                folder / name
            )
            lines += [f"{name},{k}" for k in sorted(clip.right)]
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")
        images = read_labels(folder, folder / "labels.csv")
        found: Any = corruptions(images, load_classifiers(specs, device="cpu"))["models"]
    return {
        name: {
            "clean": one["clean_error"],
            "mce": one["mce"],
            "error": float(
                np.mean([np.mean(each["errors"]) for each in one["corruptions"].values()])
            ),
        }
        for name, one in found.items()
    }


def measures(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Measure]:
    """mCE of each network, and how much lower it is at the end of the ladder, over clips."""
    if not found:
        return {}
    clips = np.array(sorted(found))
    networks = list(found[clips[0]])
    on = f"{OF_EACH * len(clips)} frames of {len(clips)} clips"
    mce = {name: np.array([found[clip][name]["mce"] for clip in clips]) for name in networks}
    result = {
        f"mce {name}": Measure.of(clustered_mean(values, clips, bounds=UNBOUNDED), f"{name}, {on}")
        for name, values in mce.items()
    }
    if all(name in mce for name in LADDER):
        steps = f"{LADDER[-1]} less {LADDER[0]}, {on}"
        less = clustered_mean(mce[LADDER[-1]] - mce[LADDER[0]], clips, bounds=UNBOUNDED)
        result["mce ladder"] = Measure.of(less, steps)
    clean, hurt = (
        np.array([[found[c][n][k] for n in networks] for c in clips]) for k in ("clean", "error")
    )
    beyond = clustered_mean((hurt - clean).mean(axis=1), clips, bounds=(-1.0, 1.0))
    result["corruption cost"] = Measure.of(beyond, f"{len(networks)} networks, {on}")
    return result
