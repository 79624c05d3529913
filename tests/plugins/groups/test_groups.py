"""Groups by columns of the manifest: rates, tests corrected for how many were asked, causes and words."""

import itertools

import numpy as np
import pandas as pd
import pytest

from vidrobust.plugins.groups.answers import details, statements
from vidrobust.plugins.groups.compare import comparisons, group_p, holm
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema

CLIPS = 24


def made(path, ratio):
    """24 clips of 500 pairs; on nights ``ratio`` times as many flips, for light. Five columns are flat."""
    folder = RunFolder.create(path, Settings())
    folder.update(models=[{"name": "net", "task": "classification"}])
    rng = np.random.default_rng(3)
    items, rates, account = [], [], []
    zeros = {c.name: 0 for c in schema.TABLES["account"].columns if c.absent is None}
    empty = {c.name: "" if c.kind == "string" else 0.0 for c in schema.TABLES["items"].columns}
    for k in range(CLIPS):
        night = k % 2 == 1
        flat = {
            name: str(rng.integers(0, 3)) for name in ("lamp", "recipe", "product", "lot", "team")
        }
        items.append(empty | {"item": f"clip{k}", "shift": "night" if night else "day"} | flat)
        events = (ratio if night else 1) * (10 + k % 5)
        rates.append(
            {
                "model": "net",
                "item": f"clip{k}",
                "metric": "flip_rate",
                "value": events / 500,
                "n": 500,
            }
        )
        of = {"model": "net", "item": f"clip{k}", "level": "cause"}
        account += [
            zeros | of | {"cause": "light", "share": 0.6 if night else 0.1},
            zeros | of | {"cause": "camera", "share": 0.2},
        ]
    folder.write_table("items", pd.DataFrame(items))
    more = {"low": 0.0, "high": 1.0, "cluster": "item", "clusters": 1}
    folder.write_table("stability", pd.DataFrame(rates).assign(**more))
    folder.write_table("account", pd.DataFrame(account))
    return RunTables(folder.path)


def test_a_shift_of_twice_the_rate_is_found_with_its_cause(tmp_path):
    """By hand: days 12 clips of 10 + (0, 2, 4, 1, 3, ...) flips; nights twice theirs. Light: .6 x 2 - .1 = 1.1 of 1."""
    run = made(tmp_path / "run", 2)
    (found,) = [c for c in comparisons(run) if c.differs]
    assert found.column == "shift"
    assert [g.name for g in found.groups] == ["night", "day"]
    days = sum(10 + k % 5 for k in range(0, CLIPS, 2)) / (12 * 500)
    assert found.groups[1].value == pytest.approx(days)
    assert found.groups[1].low < days < found.groups[1].high
    assert found.cause == "light"
    (said,) = statements(run)
    assert "night: " in said.text
    assert "light explains most of the difference" in said.text
    assert "6 columns asked" in said.text
    assert "By shift" not in details(run, lambda p: p)
    assert "by shift" in details(run, lambda p: p)


def test_flat_columns_are_silent(tmp_path):
    assert list(statements(made(tmp_path / "run", 1))) == []


def test_p_is_that_of_all_arrangements():
    """Independent: all 70 ways to choose 4 of 8."""
    rate, label = np.array([1, 2, 4, 3, 5, 9, 7, 8.0]), np.array(["a"] * 4 + ["b"] * 4)
    seen = abs(rate[:4].mean() - rate[4:].mean())
    chosen = [list(c) for c in itertools.combinations(range(8), 4)]
    apart = [abs(rate[c].mean() - np.delete(rate, c).mean()) for c in chosen]
    exact = np.mean(np.array(apart) >= seen - 1e-9)
    assert group_p(rate, label, np.random.default_rng(0)) == pytest.approx(exact, abs=0.006)


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = [0.01, 0.04, 0.03, 0.5, 0.001]
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1].tolist())


def test_a_run_without_a_manifest_has_no_groups(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings())
    run = RunTables(folder.path)
    assert comparisons(run) == []
    assert details(run, lambda p: p) == ""
