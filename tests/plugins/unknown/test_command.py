"""``vidrobust unknown`` as a user meets it: far footage, known footage, recorded answers, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from vidrobust.cli.app import main

MODEL = "tests.plugins.unknown.tiny:colours"
CLIPS, FRAMES = 6, 12


def clips(folder: Path, colour: tuple[int, int, int], seed: int) -> Path:
    """Clips of one colour with some noise, a level of its own for each, brighter at the top."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(20, -20, 24)[:, None, None]
    for clip in range(CLIPS):
        level = rng.normal(0, 6, 3)
        file = folder / f"{seed}_{clip}.avi"
        file.parent.mkdir(exist_ok=True)
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 24))
        for _ in range(FRAMES):
            frame = np.array(colour) + level + slope + rng.normal(0, 8, (24, 32, 3))
            writer.write(np.clip(frame, 0, 255).astype(np.uint8)[..., ::-1].copy())
        writer.release()
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("unknown")
    made = {"known": ((150, 120, 90), 1), "same": ((150, 120, 90), 2), "far": ((40, 220, 120), 3)}
    return {"at": folder} | {name: clips(folder / name, *how) for name, how in made.items()}


def asked(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    main(["unknown", *map(str, arguments), "--json", "-q"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def code(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["unknown", *map(str, arguments), "-q"])
    return stopped.value.code, capsys.readouterr().err


@pytest.fixture(scope="module")
def far_run(world: dict[str, Path]) -> Path:
    out = world["at"] / "run_far"
    main(
        [
            "unknown",
            str(world["far"]),
            "--model",
            MODEL,
            "--known",
            str(world["known"]),
            "-o",
            str(out),
            "-q",
        ]
    )
    return out


def test_far_footage_lies_outside_and_is_shown(
    far_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet(far_run / "unknown.parquet").set_index("score")
    assert set(table.index) == {
        "neighbours",
        "energy",
        "max_softmax",
        "rotation",
    }
    assert table.loc["neighbours", ["leading", "verdict", "n", "known_frames"]].tolist() == [
        True,
        "outside",
        72,
        72,
    ]
    assert table.loc["neighbours", "low"] > 0.5
    assert table.loc["neighbours", "known_clusters"] == CLIPS
    assert table.loc["neighbours", "false_alarms"] < 0.3
    said = json.loads((far_run / "unknown.json").read_text())["models"]["colours"]
    assert len(said["farthest"]) == CLIPS
    assert all((far_run / each["picture"]).is_file() for each in said["farthest"])
    main(["report", str(far_run), "-q"])
    page, details = ((far_run / name).read_text() for name in ("report.html", "details.html"))
    assert said["sentence"][1:40] in page.replace("\u00a0", " ")
    assert details.count('alt="3_') == CLIPS
    assert "the nearest known frames" in details
    capsys.readouterr()
    main(["show", str(far_run)])
    assert said["sentence"][1:40] in capsys.readouterr().out


def test_the_run_knows_what_is_known_and_is_up_to_date(
    far_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(capsys, far_run)
    assert found["known"] == [str(far_run.parent / "known")]
    assert {each["score"] for each in found["scores"]} >= {"neighbours", "energy"}


def test_a_damaged_file_of_the_run_is_named(
    far_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(far_run, run)
    (run / "unknown.json").write_text('{"models": 7}')
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(run), "-q"])
    assert stopped.value.code == 3
    assert "unknown.json" in capsys.readouterr().err


def test_other_known_footage_stays_silent(
    world: dict[str, Path], far_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = asked(
        capsys,
        *(
            world["same"],
            "--model",
            MODEL,
            "--known",
            world["known"],
            "-o",
            world["at"] / "run_same",
        ),
    )
    leading = next(each for each in found["scores"] if each["leading"])
    assert leading["verdict"] in ("known", "cannot tell")
    assert leading["outside"] < 0.4
    assert "AUROC" not in found["models"]["colours"]["sentence"]


def test_a_run_on_known_footage_says_the_same_as_the_footage(
    world: dict[str, Path], far_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = world["at"] / "run_known"
    main(["stability", str(world["known"]), "--model", MODEL, "-o", str(known), "-q"])
    capsys.readouterr()
    before = pd.read_parquet(far_run / "unknown.parquet")
    found = asked(capsys, far_run, "--known", known)
    after = pd.DataFrame(found["scores"])
    assert after["threshold"].to_numpy() == pytest.approx(before["threshold"].to_numpy(), rel=1e-6)


def test_answers_from_a_file_have_the_largest_probability_alone(
    world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {}
    for name, doubt in (("known", 0.1), ("far", 0.45)):
        rng = np.random.default_rng(len(name))
        rows = [
            (f"{file.stem}", frame, p, 1 - p)
            for file in sorted(world[name].glob("*.avi"))
            for frame, p in enumerate(1 - doubt + rng.uniform(-0.04, 0.04, FRAMES))
        ]
        csv = tmp_path / f"{name}.csv"
        pd.DataFrame(rows, columns=["item", "frame", "good", "bad"]).to_csv(csv, index=False)
        runs[name] = csv
    known, model = tmp_path / "known_run", f"predictions:{runs['far']}"
    main(
        [
            "stability",
            str(world["known"]),
            "--model",
            f"predictions:{runs['known']}",
            "-o",
            str(known),
            "-q",
        ]
    )
    capsys.readouterr()
    found = asked(
        capsys, world["far"], "--model", model, "--known", known, "-o", tmp_path / "far_run"
    )
    verdicts = {each["score"]: each["verdict"] for each in found["scores"]}
    assert verdicts.pop("max_softmax") == "outside"
    assert set(verdicts.values()) == {""}
    assert set(found["models"]["far"]["lacks"].values()) == {
        "the model gives its answer and nothing else"
    }
    exit_code, said = code(
        capsys, world["far"], "--model", model, "--known", world["known"], "-o", tmp_path / "other"
    )
    assert exit_code == 2
    assert "its answers come from a file; give --known a run on the answers" in said


def test_what_is_refused(
    world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--model", MODEL, "-o", tmp_path / "run")
    assert code(capsys, world["far"], *out)[0] == 2
    exit_code, said = code(capsys, world["far"], *out, "--known", tmp_path / "nowhere")
    assert exit_code == 3
    assert "holds no footage" in said
    exit_code, said = code(capsys, world["far"], *out, "--known", world["far"])
    assert exit_code == 3
    assert "is part of the footage itself" in said
    exit_code, said = code(
        capsys, world["far"], *out, "--known", world["known"], "--false-alarms", "1.5"
    )
    assert exit_code == 2
    assert "false_alarms: expected a share between 0 and 1, got 1.5" in said


def test_a_known_clip_that_cannot_be_read_is_said_and_left_out(
    world: dict[str, Path], far_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"RIFF no video")
    main(
        [
            "unknown",
            str(far_run),
            "--known",
            str(world["known"]),
            "--known",
            str(broken),
            "--json",
            "-q",
        ]
    )
    said = capsys.readouterr()
    leading = next(each for each in json.loads(said.out)["scores"] if each["leading"])
    assert leading["known_clusters"] == CLIPS
    assert "broken.avi" in said.err
    exit_code, said_of_it = code(capsys, far_run, "--known", broken)
    assert exit_code == 3
    assert "none of its 1 clip can be read" in said_of_it
