"""vidrobust recorded: answers without a video, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vidrobust.cli.app import main

LABELS = [0, 0, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]  # 3 of 11 pairs flip


def test_probabilities_in_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.full((len(LABELS), 2), 0.25)
    rows[np.arange(len(LABELS)), LABELS] = 0.75
    np.savez(tmp_path / "probs.npz", probabilities=rows, class_names=["ok", "crack"])
    main(["recorded", f"predictions:{tmp_path / 'probs.npz'}", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["flip_rate"]["value"] == pytest.approx(3 / 11)
    assert found["metrics"]["flip_rate"]["n"] == 11
    assert any("causes" in what for what in found["needs_pixels"])
    np.save(tmp_path / "probs.npy", rows)
    main(["recorded", f"predictions:{tmp_path / 'probs.npy'}"])
    assert "27 %" in capsys.readouterr().out


def test_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object in 14 frames, missed in 2: 2 of 14."""
    rows = [f"{k},0.9,cat,{10 + k},10,{50 + k},50" for k in range(14) if k not in (6, 7)]
    (tmp_path / "boxes.csv").write_text("frame,score,label,x1,y1,x2,y2\n" + "\n".join(rows))
    main(["recorded", f"detections:{tmp_path / 'boxes.csv'}", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["uncovered_rate"]["value"] == pytest.approx(2 / 14)


def test_a_network_is_no_recording(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["recorded", "efficientnet-lite0"])
    assert ended.value.code == 2
