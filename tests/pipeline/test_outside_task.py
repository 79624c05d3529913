"""A task from a package outside: a study, its report, a gate and a comparison, without a line of the core.

The footage is real; its colour is planted frame by frame, so that the temperature jumps and colour is the cause.
"""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.apart import ended, install
from vidrobust.video.source import open_video

HERE = Path(__file__).parents[1]
CLIP = HERE / "footage_media" / "line-bottles.mp4"
FRAMES, MODEL, KNOWN = 24, "mccamy", 5000


def tinted(folder):
    """Write the clip with red up and blue down by up to 8 % a frame; return its frames (N, 3, H, W)."""
    folder.mkdir()
    rng, frames = np.random.default_rng(0), []
    with open_video(CLIP, device="cpu") as source:
        for batch in source.batches(FRAMES):
            frames = [pixels.permute(1, 2, 0).numpy() for pixels in batch.pixels]
            break
    made = []
    for number, frame in enumerate(frames):
        small = cv2.resize(frame, (160, 120), interpolation=cv2.INTER_AREA).astype(np.float32)
        gain = 0.08 * (2 * rng.random() - 1)
        tint = small * (1 + gain * np.float32([1, 0, -1]))
        made.append(np.clip(tint + 0.5, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"{number:04d}.png"), made[-1][..., ::-1])
    return np.stack(made).transpose(0, 3, 1, 2)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package beside a recording, studied; gates and a comparison read it in the same process."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(HERE / "outside_task" / "thermometer.py", site)
    points = "[vidrobust.tasks]\nthermometer = thermometer:TASK\n"
    points += "[vidrobust.models]\nthermometer = thermometer:MODEL\n"
    install(site, "thermometer", points)
    np.save(site / "tinted.npy", tinted(site / "tinted"))
    (site / "known.csv").write_text(f"path,label\ntinted,{KNOWN} K\n")
    asked = ("-m", f"thermometer:{MODEL}", "--pairs", "8", "--frames", "3", "-q")
    asked += ("--labels", "known.csv")
    of_tint = ("--perturbation", "white_balance", "--strengths", "1")
    commands = (
        ("study", "tinted", *asked, *of_tint, "-o", "whole"),
        ("gate", "whole", "--fail-if", "jump_rate > 0.5"),
        ("gate", "whole", "--fail-if", "jump_rate > 0.99"),
        ("compare", "whole", "whole", "--json"),
    )
    *codes, compared = ended(site, *commands)
    assert [each.code for each in codes] == [0, 1, 0], codes
    assert compared.code == 0, compared.err
    found = json.loads(compared.out)
    assert (found["task"], found["metrics"]["jump_rate"]["difference"]) == ("temperature", 0)
    return site


def mired(frames):
    """(N,) by McCamy's formula, written down again."""
    share = frames.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    r, g, b = linear.mean(axis=(2, 3)).T
    x, y, z = (
        0.4124 * r + 0.3576 * g + 0.1805 * b,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        0.0193 * r + 0.1192 * g + 0.9505 * b,
    )
    n = (x / (x + y + z) - 0.332) / (0.1858 - y / (x + y + z))
    return 1e6 / (449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33)


def test_its_metrics_are_those_of_a_plain_loop(site):
    values = mired(np.load(site / "tinted.npy"))
    step = np.abs(np.diff(values))
    found = json.loads((site / "whole" / "metrics.json").read_text())["models"][MODEL]
    assert found["jump_rate"]["value"] == pytest.approx((step > 5.5).mean())
    assert found["shift"]["value"] == pytest.approx(np.minimum(step / 100, 1).mean())
    assert found["jitter"]["value"] == pytest.approx(np.abs(np.diff(values, n=2)).mean() / 2)
    assert found["jump_rate"]["n"] == FRAMES - 1
    stability = pd.read_parquet(site / "whole" / "stability.parquet").set_index("metric")["value"]
    assert stability["noise_floor_shift"] == pytest.approx(0.0, abs=1e-9)


def test_its_judge_says_how_far_it_is_from_the_labels(site):
    truth = pd.read_parquet(site / "whole" / "task_truth.parquet")
    error = np.abs(mired(np.load(site / "tinted.npy")) - 1e6 / KNOWN)
    # the answer is text of three decimals
    assert truth["light_error"].to_numpy() == pytest.approx(error, abs=1e-4)
    found = json.loads((site / "whole" / "metrics.json").read_text())["models"][MODEL]
    assert found["light_error"]["value"] == pytest.approx(error.mean(), abs=1e-4)


def test_the_planted_colour_is_the_only_cause_that_is_named(site):
    named = pd.read_parquet(site / "whole" / "named.parquet")
    assert set(named["group"]) == {"light"}
    assert set(named.loc[named["level"] == "cause", "cause"]) == {"colour"}
    account = pd.read_parquet(site / "whole" / "account.parquet")
    account = account.query("item == '' and level == 'cause'").set_index("cause")
    assert account.loc["colour", "share"] == pytest.approx(1.0, abs=0.05)


def test_sensitivity_remedies_and_policy_have_rows_of_it(site):
    sensitivity = pd.read_parquet(site / "whole" / "sensitivity.parquet")
    assert set(sensitivity["metric"]) == {"jump", "shift"}
    assert (sensitivity.groupby("metric")["value"].mean() > 0).all()
    remedies = pd.read_parquet(site / "whole" / "remedies.parquet")
    row = remedies[remedies["remedy"] == "running-mean-5"].iloc[0]
    metrics = json.loads((site / "whole" / "metrics.json").read_text())
    rate = metrics["models"][MODEL]["jump_rate"]["value"]
    assert row["before"] == pytest.approx(rate)
    assert row["after"] < row["before"]
    assert "steps" in json.loads((site / "whole" / "policy.json").read_text())


def test_its_worst_moments_player_and_section_are_in_the_report(site):
    moments = json.loads((site / "whole" / "moments.json").read_text())["moments"]
    values = mired(np.load(site / "tinted.npy"))
    worst = int(np.abs(np.diff(values)).argmax())
    assert (moments[0]["model"], moments[0]["frame_a"]) == (MODEL, worst)
    strip = moments[0]["strip"]
    assert strip[0]["label"].endswith(" K")
    assert all((site / "whole" / tile["picture"]).is_file() for tile in strip)
    page = (site / "whole" / "report.html").read_text()
    assert f'"models":[{{"name":"{MODEL}","task":"temperature"}}]' in page
    assert 'id="task-temperature"' in (site / "whole" / "details.html").read_text()


def test_without_its_plugin_a_run_is_refused_in_one_line(site, printed):
    whole = str(site / "whole")
    for command in (("show", whole), ("report", whole), ("compare", whole, whole)):
        error = printed(2, *command).err
        assert "'temperature'" in error
        assert len(error.splitlines()) == 1
