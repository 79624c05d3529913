"""Some damaged files that are no videos, in every run of the suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import files
from vidrobust.errors import InputError
from vidrobust.models.load import load_model

FEW = 12


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> list[files.Kind]:
    return files.kinds(files.made_run(tmp_path_factory.mktemp("run")))


def test_sound_files_are_read(every: list[files.Kind], tmp_path: Path) -> None:
    assert len(every) == 8
    for kind in every:
        for number, seed in enumerate(kind.seeds):
            folder = tmp_path / kind.name / str(number)
            folder.mkdir(parents=True)
            for name, data in seed.items():
                (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
            kind.read(folder / next(iter(seed)))


def test_damaged_files_are_read_or_refused_in_words(every: list[files.Kind]) -> None:
    found = list(files.trials(every, FEW, seed=2))
    assert len(found) == FEW * len(every)
    assert [what for _, outcome, what in found if outcome == "fault"] == []
    assert {outcome for _, outcome, _ in found} == {"read", "refused"}


def test_a_row_of_predictions_without_a_label(tmp_path: Path) -> None:
    """Found by fuzzing: a TypeError."""
    (tmp_path / "a.csv").write_text("frame,label,probability\n0,good,0.5\n1,,0.5\n")
    with pytest.raises(InputError, match="row 2"):
        load_model(f"predictions:{tmp_path / 'a.csv'}")
