"""Direction: figures by hand, and planted footage through a real network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch

from vidrobust import tables
from vidrobust.account import direction
from vidrobust.frames import FrameBatch
from vidrobust.models.load import load_model
from vidrobust.perturb.catalogue import PERTURBATIONS, find
from vidrobust.predictions import Classifications
from vidrobust.video.source import open_video


class ColourModel:
    """Three classes; the logits are the mean levels of red, green and blue over 10."""

    name = "colour"
    class_names = ("red", "green", "blue")
    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return Classifications.from_logits(pixels.double().mean(dim=(2, 3)) / 10, self.class_names)


def batch(pixels: torch.Tensor, first: int = 0) -> FrameBatch:
    index = np.arange(first, first + len(pixels), dtype=np.int64)
    return FrameBatch(
        pixels=pixels, time_s=index / 25, index=index, corrupt=np.zeros(len(pixels), bool), item="clip"
    )


def flat(*colours: tuple[int, int, int]) -> torch.Tensor:
    return torch.tensor(colours, dtype=torch.uint8).view(-1, 3, 1, 1).expand(-1, 3, 40, 50).contiguous()


BASE = flat((100, 120, 94))


def test_every_probe_is_in_the_catalogue_and_has_its_direction() -> None:
    for probe in direction.PROBES:
        entry = PERTURBATIONS[probe.perturbation]
        assert probe.direction in entry.signed if probe.cause else not probe.direction
    assert {probe.cause for probe in direction.PROBES} == {
        *("light", "colour", "hue", "shift", "rotation", "zoom", "blur", "")
    }


def test_relative_strengths_follow_the_shorter_side() -> None:
    probe = direction.Probe(
        perturbation="translation", cause="shift", direction="translation_x", strengths=(0.01,), relative=True
    )
    assert probe.strengths_for(200, 900) == (2.0,)
    assert probe.strengths_for(900, 400) == (4.0,)


def test_a_change_of_brightness_points_along_brightness_by_hand() -> None:
    # times 1.2: (100, 120, 94) -> (120, 144, 113); the logits change by (2, 2.4, 1.9), centred (-1, 3, -2) / 10
    brighter = flat((120, 144, 113))
    table = direction.study_pairs("clip", batch(BASE), batch(brighter, 1), [ColourModel()])
    light = table[(table["perturbation"] == "brightness") & (table["strength"] == 0.15)].set_index("sign")
    # times 1.15: (115, 138, 108): change (1.5, 1.8, 1.4), centred (-0.2, 0.7, -0.5) / 3
    real, probe = np.array([-1.0, 3, -2]), np.array([-0.2, 0.7, -0.5])
    expected = real @ probe / np.linalg.norm(real) / np.linalg.norm(probe)
    assert light.loc[1, "cosine"] == pytest.approx(expected, abs=1e-4)
    assert light.loc[-1, "cosine"] < -0.95
    spread = np.linalg.norm(probe / 3) / np.linalg.norm(real / 10)
    assert light.loc[1, "spread"] == pytest.approx(spread, abs=1e-4)
    # what does not change the mean colour has no direction: cosine 0
    assert (table.loc[table["perturbation"].isin(["translation", "rotation", "scale"]), "cosine"] == 0).all()


def test_the_table_is_the_contracts() -> None:
    table = direction.study_pairs("clip", batch(BASE), batch(flat((90, 120, 100)), 1), [ColourModel()])
    assert list(table.columns[:8]) == list(tables.TABLES["directions"])
    count = sum(len(p.strengths) * (2 if p.cause else p.draws) for p in direction.PROBES)
    assert len(table) == count == 41
    assert (table.loc[table["cause"] == "", "sign"] == 0).all()
    assert set(table.loc[table["cause"] != "", "sign"]) == {-1, 1}


def test_random_perturbations_depend_on_seed_and_frames_alone() -> None:
    pixels = torch.randint(
        0, 256, (2, 3, 40, 50), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    other = pixels // 2

    def noise(rows: slice, seed: int) -> list[float]:
        a, b = pixels[rows], other[rows]
        first = rows.start
        table = direction.study_pairs(
            "clip", batch(a, first), batch(b, first + 1), [ColourModel()], seed=seed
        )
        return table.loc[table["perturbation"] == "gaussian_noise", "spread"].tolist()

    assert noise(slice(0, 2), 0)[2:] == noise(slice(1, 2), 0)
    assert noise(slice(1, 2), 0) != noise(slice(1, 2), 1)


def test_an_output_that_did_not_change_has_no_direction() -> None:
    table = direction.study_pairs("clip", batch(BASE), batch(BASE, 1), [ColourModel()])
    assert table["cosine"].isna().all()
    assert len(direction.summarise(table)) == 0


def test_pairs_must_be_aligned() -> None:
    with pytest.raises(ValueError, match="expected pairs, got 1 first and 2 second frames"):
        direction.study_pairs("clip", batch(BASE), batch(BASE.repeat(2, 1, 1, 1)), [ColourModel()])


def made(**cosines: list[list[float]]) -> pd.DataFrame:
    """A table of pairs: per cause and pair the cosines of its probes, the sign alternating."""
    names = {"light": "brightness", "hue": "hue", "shift": "translation"}
    rows = [
        {
            "item": "clip",
            "model": "m",
            "frame_a": pair,
            "frame_b": pair + 1,
            "perturbation": names[cause],
            "strength": 1.0,
            "sign": 1 if n % 2 == 0 else -1,
            "cosine": value,
            "cause": cause,
            "direction": names[cause],
            "spread": 1.0,
            "total_variation": 0.1,
        }
        for cause, pairs in cosines.items()
        for pair, values in enumerate(pairs)
        for n, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_the_summary_by_hand() -> None:
    # best per pair: light .9, .7, .8; hue .1, .3, .2; shift .3, .1, .2
    table = made(
        light=[[0.9, -0.9], [-0.7, 0.7], [0.8, 0.1]],
        hue=[[0.1, 0.0], [0.3, -0.3], [0.2, -0.1]],
        shift=[[0.3, 0.2], [-0.1, 0.1], [0.2, 0.0]],
    )
    found = direction.summarise(table)
    light = found[(found["cause"] == "light") & (found["perturbation"] == "")].iloc[0]
    assert light["cosine"] == pytest.approx(0.8)
    assert light["value"] == pytest.approx(0.8 - 0.2)  # less the mean of hue and shift on the same pairs
    assert light["margin"] == pytest.approx(0.6)
    assert light["n"] == 3
    # moderated t: differences to the next, hue or shift as their means are equal; (.8, .4, .6) or (.6, .6, .6)
    low = {
        0.6 - 1.943180 * np.sqrt((4 * 0.15**2 + squares) / 6 / 3)  # t(0.95, 6) from a printed table
        for squares in (0.08, 0.0)
    }
    assert any(light["margin_low"] == pytest.approx(each, abs=1e-5) for each in low)
    assert set(found["named"]) == {"light"}


def test_no_lead_no_name() -> None:
    close = made(light=[[0.6], [0.7], [0.6]], hue=[[0.65], [0.6], [0.62]], shift=[[0.1]] * 3)
    assert set(direction.summarise(close)["named"]) == {direction.NONE}
    weak = made(light=[[0.4]] * 8, hue=[[0.0]] * 8, shift=[[0.0]] * 8)
    assert set(direction.summarise(weak)["named"]) == {direction.NONE}


def test_random_perturbations_have_a_spread_and_no_direction() -> None:
    table = made(light=[[0.9]] * 4, hue=[[0.0]] * 4)
    noise = table[table["cause"] == "hue"].assign(
        perturbation="gaussian_noise", cause="", sign=0, spread=[0.1, 0.2, 0.3, 0.4]
    )
    found = direction.summarise(pd.concat([table, noise])).set_index("perturbation")
    assert found.loc["gaussian_noise", "spread"] == pytest.approx(0.25)
    assert np.isnan(found.loc["gaussian_noise", "value"])


PLANTED = {
    "light": ("brightness", "", 0.1),
    "colour": ("saturation", "", 0.3),
    "hue": ("hue", "", -9.0),
    "shift": ("translation", "translation_y", 3.0),
    "rotation": ("rotation", "", -1.2),
    "zoom": ("scale", "", 0.02),
    "blur": ("gaussian_blur", "", 1.2),
}


def test_planted_causes_are_named_on_real_frames(corpus: Path, models: Path) -> None:
    network = load_model(f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}", device="cpu")
    with open_video(corpus / "objects" / "cotracker_cat.mp4") as source:
        a = source.at([0, 20, 40, 60, 80])
    named = {}
    for cause, (name, way, strength) in PLANTED.items():
        pixels = find(name).apply_signed(a.pixels, strength, way)
        b = FrameBatch(pixels=pixels, time_s=a.time_s, index=a.index + 1, corrupt=a.corrupt, item=cause)
        found = direction.summarise(direction.study_pairs(cause, a, b, [network]))
        named[cause] = found["named"].iloc[0]
    assert named == {cause: cause for cause in PLANTED}
