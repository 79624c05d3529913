"""A whole study of a segmentation network on real footage whose light is planted."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tests.plugins.semantic.networks import colours_of, write_onnx
from tests.plugins.task_studies import assert_read_by_moments_gate_and_comparison, studied
from vidrobust.models.load import load_model
from vidrobust.video.source import open_video

CLIP = Path(__file__).parents[2] / "footage_media" / "line-bottles.mp4"
FRAMES, SIZE, CLASSES, LABELLED = 26, (120, 160), ("a", "b", "c", "d", "e"), (0, 10, 20)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The clip with each frame's light up or down by up to 15 %, label maps of three frames, and a study."""
    place = tmp_path_factory.mktemp("semantic")
    (place / "clip").mkdir()
    with open_video(CLIP, device="cpu") as source:
        frames = next(source.batches(FRAMES)).pixels.permute(0, 2, 3, 1).numpy()
    how = {"dsize": SIZE[::-1], "interpolation": cv2.INTER_AREA}
    small = np.stack([cv2.resize(each, **how) for each in frames])
    rng = np.random.default_rng(0)
    for number, frame in enumerate(small):
        lit = np.clip(frame * (1 + 0.15 * (2 * rng.random() - 1)) + 0.5, 0, 255).astype(np.uint8)
        cv2.imwrite(str(place / "clip" / f"{number:04d}.png"), lit[..., ::-1])
    write_onnx(place / "colours.onnx", colours_of(small[:5], len(CLASSES)), SIZE)
    (place / "classes.txt").write_text("\n".join(CLASSES))
    model = load_model(f"semantic:{place / 'colours.onnx'},classes={place / 'classes.txt'}")
    (place / "truth" / "clip").mkdir(parents=True)
    (place / "truth" / "classes.txt").write_text("\n".join(CLASSES))
    # what the network says of the frame as it was, the upper half not judged
    for number in LABELLED:
        pixels = small[number : number + 1]
        labels = model(torch.from_numpy(pixels).permute(0, 3, 1, 2)).labels[0].copy()
        labels[: SIZE[0] // 2] = 255
        Image.fromarray(labels).save(place / "truth" / "clip" / f"{number:04d}.png")
    spec = f"semantic:{place / 'colours.onnx'},classes={place / 'classes.txt'}"
    studied(place, spec, place / "truth", pairs=12, frames=3)
    return place


def test_the_planted_light_is_named(place):
    named = pd.read_parquet(place / "run" / "named.parquet")
    assert set(named["group"]) == {"light"}


def test_metrics_labels_and_remedy_are_there(place):
    found = json.loads((place / "run" / "metrics.json").read_text())["models"]["colours"]
    pairs = pd.read_parquet(place / "run" / "task_pairs.parquet")
    assert found["pixel_flip_rate"]["value"] == pytest.approx(pairs["pixel_flip"].mean())
    assert found["mtc"]["value"] == pytest.approx(pairs["consistency"].mean())
    assert found["pixel_flip_rate"]["value"] > 0.01
    parts = pd.read_parquet(place / "run" / "task_parts.parquet").dropna(subset="union")
    assert (parts["track"] == 0).all()  # regions are not followed
    both, either = (parts["class_iou"] * parts["union"]), parts["union"]
    sums = (of.groupby(parts["component"]).sum() for of in (both, either))
    assert found["tc"]["value"] == pytest.approx((next(sums) / next(sums)).mean())
    truth = pd.read_parquet(place / "run" / "task_truth.parquet")
    assert truth["frame"].tolist() == list(LABELLED)
    assert 0.3 < found["miou"]["value"] < 1
    remedies = pd.read_parquet(place / "run" / "remedies.parquet")
    remedies = remedies.query("remedy == 'map-majority-3'")
    assert remedies["after"].item() < remedies["before"].item()
    stability = pd.read_parquet(place / "run" / "stability.parquet").set_index("metric")["value"]
    assert stability["noise_floor_pixel_flip"] == 0.0


def test_moments_gate_and_comparison_read_it(place):
    rules = ("pixel_flip_rate > 0.9", "mtc < 0.999")
    assert_read_by_moments_gate_and_comparison(place, "semantic", *rules)
