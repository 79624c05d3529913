"""KITTI tracking, in the public layout of its development kit."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels

REST = "1.5 1.6 4.0 1.8 1.9 20.0 -1.5"
LINES = (
    f"0 -1 DontCare -1 -1 -10.0 219.31 188.49 245.50 218.56 {'-1000.0 ' * 3}-10.0 -1.0 -1.0 -1.0",
    f"0 2 Cyclist 0 1 -1.79 737.62 161.53 931.11 374.00 {REST}",
    f"3 2 Cyclist 0 0 -1.79 740.62 161.53 934.11 374.00 {REST}",
    f"3 5 Car 0 2 1.0 10.5 20.5 30.5 40.5 {REST}",
)


def written(folder: Path, *lines: str, name: str = "0000.txt") -> Path:
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder / name


def test_a_sequence(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path, *LINES))
    rows = labels.rows
    assert labels.format == "kitti"
    assert rows["item"].unique().tolist() == ["0000"]
    assert rows["frame"].tolist() == [0, 0, 3, 3]
    assert rows["track"].tolist() == ["", "2", "2", "5"]
    assert rows["label_name"].tolist() == ["", "Cyclist", "Cyclist", "Car"]
    assert rows["presence"].tolist() == ["uncertain", "present", "present", "present"]
    assert rows[["x1", "y1", "x2", "y2"]].iloc[3].tolist() == [10.5, 20.5, 30.5, 40.5]
    assert not labels.problems


def test_a_folder_of_sequences(tmp_path: Path) -> None:
    (tmp_path / "label_02").mkdir()
    written(tmp_path / "label_02", LINES[1])
    written(tmp_path / "label_02", LINES[3], name="0001.txt")
    assert read_labels(tmp_path).rows["item"].tolist() == ["0000", "0001"]
    assert read_labels(tmp_path / "label_02").rows["item"].tolist() == ["0000", "0001"]


def test_what_cannot_be_used_is_told_by_its_line(tmp_path: Path) -> None:
    wrong = (
        LINES[1].replace("Cyclist", "Bike"),
        LINES[1].replace("931.11", "1.0"),
        "0 1 Car 3",
        f"-1{LINES[1][1:]}",
    )
    labels = read_labels(written(tmp_path, LINES[3], *wrong))
    said = sorted(map(str, labels.problems))
    assert len(labels.rows) == 1
    assert [any(f"line {k}" in each for each in said) for k in (2, 3, 4, 5)] == [True] * 4
    assert any("expected 17 or 18 values, got 4" in each for each in said)
    with pytest.raises(InputError, match="holds no file of KITTI tracking"):
        read_labels(written(tmp_path, "hello", name="x.txt"), "kitti")
