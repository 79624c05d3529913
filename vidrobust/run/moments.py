"""The worst moments: pairs of frames where a model changed its mind most, as pictures for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.account import causes
from vidrobust.footage.item import Item
from vidrobust.pixels import to_array
from vidrobust.predictions import Classifier
from vidrobust.run.folder import RunFolder
from vidrobust.video.source import VideoSource

PER_MODEL = 6
WIDTH = 480
STRIPS_PER_MODEL = 3
"""The worst few moments also show each replayed cause."""


class MomentWriter:
    """Chooses the worst adjacent pairs per model, and keeps their frames as small JPEG files."""

    def __init__(self, folder: RunFolder, models: Sequence[Classifier]) -> None:
        self.folder, self.models = folder, {model.name: model for model in models}
        self.moments: list[dict[str, Any]] = []

    def choose(self, pairs: pd.DataFrame, frames: pd.DataFrame) -> None:
        """Per model the usable adjacent pairs of largest total variation, flips first, at least a second apart."""
        usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
        lookup = frames.set_index(["model", "item", "frame"])
        for model in self.models:
            ranked = usable[usable["model"] == model].sort_values(
                ["label_flip", "total_variation"], ascending=False, kind="stable"
            )
            taken: list[tuple[str, float]] = []
            for pair in ranked.itertuples():
                a = lookup.loc[(model, pair.item, pair.frame_a)]
                b = lookup.loc[(model, pair.item, pair.frame_b)]
                if any(item == pair.item and abs(time - a.time_s) < 1.0 for item, time in taken):
                    continue
                taken.append((pair.item, float(a.time_s)))
                self.moments.append({**_moment(model, pair, a, b), "rank": len(taken) - 1})
                if len(taken) == PER_MODEL:
                    break

    def take(self, item: Item, source: VideoSource, *, seed: int) -> None:
        """Save the pictures of the moments of one item, and of the worst of them the strip of replays."""
        (self.folder.path / "moments").mkdir(exist_ok=True)
        for number, moment in enumerate(self.moments):
            if moment["item"] != item.name:
                continue
            a = source.at([moment["frame_a"]]).pixels[0]
            b = source.at([moment["frame_b"]]).pixels[0]
            for side, frame in (("a", a), ("b", b)):
                moment[f"picture_{side}"] = self._save(f"{number:02d}_{side}", to_array(frame))
            if moment["rank"] < STRIPS_PER_MODEL:
                strip = causes.strip(a, b, self.models[moment["model"]], seed=seed)
                moment["strip"] = [
                    {
                        "title": each.title,
                        "measured": each.measured,
                        "label": each.label,
                        "probability": each.probability,
                        "excluded": each.excluded,
                        "caption": f"{each.title}: {each.label} {each.probability:.0%}",
                        "picture": self._save(f"{number:02d}_strip_{place}", each.picture),
                    }
                    for place, each in enumerate(strip)
                ]

    def _save(self, stem: str, rgb: np.ndarray) -> str:
        name = f"moments/{stem}.jpg"
        save_picture(rgb, self.folder.path / name, WIDTH)
        return name

    def write(self) -> None:
        """moments.json; moments whose item could not be read again have no picture."""
        self.folder.write_json("moments.json", {"moments": self.moments})


def save_picture(rgb: np.ndarray, path: Path, width: int) -> None:
    """A JPEG of at most this width."""
    if rgb.shape[1] > width:
        size = (width, max(1, round(rgb.shape[0] * width / rgb.shape[1])))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise RuntimeError(f"{path}: the picture could not be encoded")
    path.write_bytes(data.tobytes())


def _moment(model: str, pair: Any, a: Any, b: Any) -> dict[str, Any]:
    return {
        "model": model,
        "item": pair.item,
        "frame_a": int(pair.frame_a),
        "frame_b": int(pair.frame_b),
        "time_a_s": float(a.time_s),
        "time_b_s": float(b.time_s),
        "label_a": a.label_name,
        "label_b": b.label_name,
        "probability_a": float(a.probability),
        "probability_b": float(b.probability),
        "flip": bool(pair.label_flip),
        "total_variation": float(pair.total_variation),
        "pixel_change": float(pair.pixel_change),
    }
