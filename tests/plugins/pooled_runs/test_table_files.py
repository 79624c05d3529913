"""Tables from anywhere on the command line: the figures of an independent count, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.pipeline.conftest import run

MODELS = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Forty models: blur goes with the flips beyond accuracy, brightness only through it."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    accuracy, own = rng.uniform(0.5, 0.9, MODELS), rng.normal(size=MODELS)
    columns = {"accuracy": accuracy, "flip_rate": 0.5 - 0.4 * accuracy + 0.02 * own}
    harms = {
        "gaussian_blur": 0.9 - accuracy + 0.03 * own + rng.normal(0, 0.01, MODELS),
        "brightness": 0.9 - accuracy + rng.normal(0, 0.03, MODELS),
    }
    names = [f"net{n:02}" for n in range(MODELS)]
    stability = [
        {
            "model": m,
            "item": "",
            "metric": metric,
            "value": value,
            "low": value,
            "high": value,
            "n": 900,
        }
        for metric, values in columns.items()
        for m, value in zip(names, values, strict=True)
    ]
    sensitivity = [
        {"model": m, "item": "clip", "frame": None, "perturbation": p, "strength": 1.0, "draw": 0,
         "metric": "label_flip", "value": value, "colour": "red"}
        for p, values in harms.items()
        for m, value in zip(names, values, strict=True)
    ]  # fmt: skip
    pd.DataFrame(stability).to_csv(folder / "stability.csv", index=False)
    pd.DataFrame(sensitivity).to_parquet(folder / "sensitivity.parquet")
    return folder, columns | harms


def asked(folder, *more):
    stability, sensitivity = folder / "stability.csv", folder / "sensitivity.parquet"
    return run("correlate", f"--stability={stability}", f"--sensitivity={sensitivity}", *more)


def without(values, given):
    """Ranks of values, without what a line through the ranks of ``given`` explains."""
    x, z = stats.rankdata(values), stats.rankdata(given)
    return x - np.polyval(np.polyfit(z, x, 1), z)


def test_partial_correlations_are_those_of_an_independent_count(files, tmp_path, capsys):
    folder, values = files
    how = ("--across=models", "--given=accuracy", f"--out={tmp_path / 'out'}", "--json", "-q")
    assert asked(folder, *how) == 0
    assert json.loads(capsys.readouterr().out)["studies"][0]["across"] == "models"
    table = pd.read_parquet(tmp_path / "out" / "correlation.parquet")
    rows = table[(table["method"] == "partial_spearman") & table["primary"]]
    for name in ("gaussian_blur", "brightness"):
        (row,) = rows[rows["perturbation"] == name].to_dict("records")
        left = (without(values[of], values["accuracy"]) for of in (name, "flip_rate"))
        by_hand = np.corrcoef(*left)[0, 1]
        assert row["value"] == pytest.approx(by_hand, abs=1e-9)
        assert (row["given"], row["n"]) == ("accuracy", MODELS)
    low = rows.set_index("perturbation")["low"]
    assert low["gaussian_blur"] > 0.5
    assert low["brightness"] < 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ((), 2, "--out DIR"),
        (("--out=out", "--across=frames"), 2, "across models alone"),
        (("--out=out", "--fps=3"), 2, "--fps"),
        (("--out=out", "--given=goodness"), 2, "goodness"),
        (
            ("--out=out", "--stability=absent.csv"),
            3,
            "absent.csv: cannot be read as a stability table",
        ),
        (("--out=out", "--stability=sensitivity.parquet"), 3, "low"),
        (("RUN", "--out=out"), 2, "--stability"),
    ],
)
def test_what_is_refused(files, monkeypatch, capsys, more, code, said):
    folder, _ = files
    monkeypatch.chdir(folder)
    assert asked(folder, *more) == code
    assert said in capsys.readouterr().err
