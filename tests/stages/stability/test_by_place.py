"""Where in the picture: cells by hand, a border that loses objects, and silence where places are exchanged."""

from __future__ import annotations

from types import MappingProxyType
from typing import cast

import numpy as np
import pandas as pd
import pytest

from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.detection import DETECTION
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability import by_place, place_section
from vidrobust.statistics import permutations

WIDTH, HEIGHT = 500, 300
SIZES = {"belt": (HEIGHT, WIDTH)}
METRICS = metrics_of("detection")


def steps(
    x: np.ndarray, y: np.ndarray, uncovered: np.ndarray, track: np.ndarray, *, side: float = 20.0
) -> pd.DataFrame:
    """Rows of ``object_frames`` of boxes about x, y; of each track the frames follow each other, 25 a second."""
    frame = pd.Series(track).groupby(track).cumcount().to_numpy()
    half = side / 2
    made = pd.DataFrame(
        {"track": track, "frame": frame, "time_s": frame / 25, "uncovered": uncovered.astype(float)}
    )
    about = {"item": "belt", "model": "m", "flip": np.nan}
    return made.assign(x1=x - half, x2=x + half, y1=y - half, y2=y + half, **about)


def belt(
    tracks: int, rng: np.random.Generator, lost: float, at_left: float, frames: int = 50
) -> pd.DataFrame:
    """Objects that go through the picture, half of them to the left; ``at_left``: how often lost below x = 100."""
    track = np.repeat(np.arange(tracks), frames)
    x = np.tile(np.linspace(5, WIDTH - 5, frames), tracks)
    x = np.where(track % 2, WIDTH - x, x)
    y = np.repeat(rng.uniform(20, HEIGHT - 20, tracks), frames)
    return steps(x, y, rng.random(len(x)) < np.where(x < WIDTH / 5, at_left, lost), track)


def summarised(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    found = by_place.summarise({"object_frames": rows}, METRICS, SIZES, seed=0)
    cells, tests = found["by_place"], found["place_tests"]
    return cells[cells["metric"] == "uncovered_rate"], tests[tests["metric"] == "uncovered_rate"]


def p_of(tests: pd.DataFrame, grid: str) -> float:
    return float(tests.loc[tests["grid"] == grid, "p_adjusted"].iloc[0])


def test_cells_by_hand() -> None:
    """Frames: 12 at the left top (9 lost), 10 in the middle, 4 at the right bottom, 1 beyond the frame."""
    x = np.array([50.0] * 12 + [250.0] * 10 + [450.0] * 4 + [-30.0])
    y = np.array([99.0] * 12 + [101.0] * 10 + [299.0] * 4 + [330.0])
    lost = np.array([True] * 9 + [False] * 18)
    cells, tests = summarised(steps(x, y, lost, np.repeat([0, 1, 2, 3], [12, 10, 4, 1])))
    at = cells[cells["grid"] == "position"].set_index(["column", "row"])
    assert len(at) == 15
    assert at["n"].to_dict() == {
        (c, r): {(0, 0): 12, (2, 1): 10, (4, 2): 4, (0, 2): 1}.get((c, r), 0)
        for r in range(3)
        for c in range(5)
    }
    assert at.loc[(0, 0), "value"] == 0.75
    assert at.loc[(0, 0), "events"] == 9
    assert at.loc[(0, 0), "low"] < 0.75 < at.loc[(0, 0), "high"]
    assert at["share"].sum() == pytest.approx(1)
    few = at[at["few"]]
    assert len(few) == 13
    assert few["value"].isna().all()
    assert at.loc[(4, 2), "objects"] == 1
    assert tests["p"].isna().all()  # two objects are too few


def test_sizes_by_hand() -> None:
    """Sides of 5, 10, 20 and 40 % of the frame begin a class; of an input of unknown size there is none."""
    root = np.sqrt(WIDTH * HEIGHT)
    sides = [share * root + 1e-6 for share in (0.01, 0.05, 0.1, 0.2, 0.4)]
    middle = np.full(3, 250.0)
    rows = pd.concat(
        [steps(middle, middle, middle > 0, np.zeros(3, int), side=side) for side in sides]
    )
    assert by_place.placed(rows, SIZES)["size_class"].tolist() == np.repeat(range(5), 3).tolist()
    assert by_place.placed(rows, {}).empty


def test_misses_at_the_left_border_are_found() -> None:
    cells, tests = summarised(belt(12, np.random.default_rng(0), lost=0.02, at_left=0.5))
    assert p_of(tests, "position") < 0.05
    assert np.isnan(p_of(tests, "size"))  # all of one size
    at = cells[(cells["grid"] == "position") & ~cells["few"]]
    rate = at.groupby("column")[["events", "n"]].sum()
    assert (rate["events"] / rate["n"]).idxmax() == 0


def test_exchanged_places_are_silent() -> None:
    """Objects of which some are hard, at rest at random places: at most five of a hundred worlds are called."""
    called = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        track = np.repeat(np.arange(20), 30)
        hard = rng.beta(0.5, 2, 20)[track]
        x, y = (rng.uniform(0, most, 20)[track] for most in (WIDTH, HEIGHT))
        called += p_of(summarised_p(steps(x, y, rng.random(600) < hard, track)), "position") <= 0.05
    assert called <= 5


def summarised_p(rows: pd.DataFrame) -> pd.DataFrame:
    """The tests alone, without the intervals of the cells, which take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permutations, "CELL_DRAWS", 99)
        patch.setattr(by_place, "aggregate", lambda metric, part: {})
        patch.setattr(by_place.tables, "check", lambda name, table: table)
        return by_place.summarise({"object_frames": rows}, METRICS, SIZES, seed=0)["place_tests"]


def test_a_moment_that_strikes_all_is_no_place() -> None:
    """Twelve objects go together through the picture, and within one second, then at the left, most are lost."""
    rng = np.random.default_rng(0)
    rows = belt(24, rng, lost=0.0, at_left=0.9, frames=100)
    rows = rows[rows["track"] % 2 == 0]  # all go to the right
    assert p_of(summarised(rows)[1], "position") > 0.05


class Fake:
    """A run of these tables."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.tables = by_place.summarise({"object_frames": rows}, METRICS, SIZES, seed=0)

    tasks = MappingProxyType({"m": DETECTION})

    def rows(self, name: str) -> pd.DataFrame:
        return self.tables[name]


def test_the_report_says_it() -> None:
    run = cast(RunTables, Fake(belt(12, np.random.default_rng(0), lost=0.02, at_left=0.5)))
    (said,) = place_section.sentences(run, "detection")
    assert said.startswith("m: place matters for objects without any box: ")
    assert "at the far left" in said
    assert (
        "too few objects or frames to judge the effect of size on objects without any box" in said
    )
    (picture,) = place_section.figures(run, "detection")
    assert "5 by 3 cells" in picture.caption
    few = cast(RunTables, Fake(belt(3, np.random.default_rng(0), lost=0.3, at_left=0.3)))
    assert (
        "too few objects or frames to judge the effect of place and size"
        in place_section.sentences(few, "detection")[0]
    )


def test_known_boxes_are_placed_too() -> None:
    """An object that is never found has no track; its known boxes, at the left, are seen as missed there."""
    frames = np.arange(40)
    known = steps(np.where(frames < 20, 50.0, 450.0), frames * 0 + 150.0, frames < 0, frames)
    known = known.rename(columns={"track": "object"}).assign(
        object="", label=0, found=(frames >= 20) * 1.0
    )
    cells = by_place.summarise({"known_boxes": known}, METRICS, SIZES, seed=0)["by_place"]
    at = cells[(cells["grid"] == "position") & ~cells["few"]].set_index("column")
    assert at["value"].to_dict() == {0: 0.0, 4: 1.0}
    assert at["objects"].tolist() == [1, 1]  # no name: one object a clip and class
