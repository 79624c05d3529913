"""A classifier's flips by the place of its object, planted at the left and by chance: whole and cut out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from vidrobust.cli.app import main
from vidrobust.models.preprocess import Preprocess
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability import place_section

HEIGHT, WIDTH, SIDE, FRAMES, CLIPS = 30, 50, 8, 50, 6
SPEC = "tests.stages.stability.test_object_places:network"


def network() -> tuple[nn.Module, Preprocess, tuple[str, ...]]:
    """Says person where the picture is light, and nothing of where the object is."""
    last = nn.Linear(3, 2)
    with torch.no_grad():
        last.weight.copy_(torch.tensor([[0.0, 5.0, 0.0], [0.0, -5.0, 0.0]]))
        last.bias.zero_()
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    return (
        module,
        Preprocess(size=(30, 50), resize="stretch", mean=(100.0,) * 3, std=(50.0,) * 3),
        ("person", "dog"),
    )


def world(folder: Path, at_left: float, elsewhere: float) -> Path:
    """Clips in which a square goes through the picture; how often light and dark change by its place."""
    rng, rows = np.random.default_rng(1), []
    for clip in range(CLIPS):
        (folder / f"clip{clip}").mkdir(parents=True)
        way = np.linspace(0, WIDTH - SIDE, FRAMES).astype(int)
        way = way[::-1] if clip % 2 else way
        light = rng.random() < 0.5
        for frame, x in enumerate(way.tolist()):
            y = 2 + 3 * clip
            level = rng.integers(-4, 5, (HEIGHT, WIDTH, 3)) + (106 if light else 94)
            level[y : y + SIDE : 3, x : x + SIDE] += 12
            # stripes, which leave the mean as it is
            level[y + 1 : y + SIDE : 3, x : x + SIDE] -= 12
            picture = level.astype(np.uint8)
            cv2.imwrite(str(folder / f"clip{clip}" / f"{frame:03d}.png"), picture)
            rows.append((f"clip{clip}", 40 * frame, 0, "person", clip, "present",
                         x / WIDTH, (x + SIDE) / WIDTH, y / HEIGHT, (y + SIDE) / HEIGHT))  # fmt: skip
            light ^= rng.random() < (at_left if x + SIDE / 2 < WIDTH / 5 else elsewhere)
    pd.DataFrame(rows).to_csv(folder / "boxes.csv", header=False, index=False)
    return folder


def run_of(folder: Path, *more: str) -> RunTables:
    clips = [str(folder / f"clip{clip}") for clip in range(CLIPS)]
    out = folder / f"run{len(more)}"
    labels = ["--labels", str(folder / "boxes.csv"), "--class-map", "none"]
    main(["stability", *clips, "--model", SPEC, *labels, "--out", str(out), "-q", *more])
    return RunTables(out)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("left"), at_left=0.6, elsewhere=0.05)


@pytest.mark.parametrize("more", [(), ("--crop", "boxes")])
def test_flips_at_the_left_are_found(planted: Path, more: tuple[str, ...]) -> None:
    run = run_of(planted, *more)
    tests, cells = run.table("place_tests"), run.table("by_place")
    assert tests is not None
    assert cells is not None
    test = tests[tests["grid"] == "position"].iloc[0]
    assert (test["metric"], test["objects"]) == ("flip_rate", CLIPS)
    assert test["p_adjusted"] < 0.05
    pairs = run.table("pairs")
    assert pairs is not None
    counted = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    at = cells[cells["grid"] == "position"].groupby("column")[["events", "n"]].sum()
    assert at["n"].sum() == len(counted)
    assert at["events"].sum() == counted["label_flip"].sum()
    odd = counted["item"].str[4].astype(int) % 2 == 1
    step = counted["frame_a"].where(~odd, FRAMES - 1 - counted["frame_a"])
    # by hand: up to step 6 the middle lies at the left of px 10
    assert at.loc[0, "n"] == (step <= 6).sum()
    (said,) = place_section.sentences(run, "classification")
    assert "place matters for label flips: " in said
    assert "at the far left" in said
    assert len(place_section.figures(run, "classification")) == 1
    assert place_section.sentences(run, "detection") == []


def test_flips_anywhere_are_of_no_place(tmp_path: Path) -> None:
    run = run_of(world(tmp_path / "any", at_left=0.15, elsewhere=0.15))
    (said,) = place_section.sentences(run, "classification")
    assert said.startswith("network: no effect seen of place")


def test_a_frame_of_two_objects_has_no_place(tmp_path: Path) -> None:
    folder = world(tmp_path / "two", at_left=0.3, elsewhere=0.3)
    rows = pd.read_csv(folder / "boxes.csv", header=None)
    second = rows[rows[1] < 400].copy()  # the first ten frames of each clip
    second[4] = 99
    pd.concat([rows, second]).to_csv(folder / "boxes.csv", header=False, index=False)
    run = run_of(folder)
    cells, pairs = run.table("by_place"), run.table("pairs")
    assert cells is not None
    assert pairs is not None
    counted = pairs[
        (pairs["kind"] == "adjacent") & (pairs["excluded"] == "") & (pairs["frame_a"] >= 10)
    ]
    assert cells[cells["grid"] == "position"]["n"].sum() == len(counted) > 150
