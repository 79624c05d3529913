"""Known footage that changed is known by its files."""

from __future__ import annotations

from pathlib import Path

from vidrobust.pipeline import keys
from vidrobust.plugins.unknown.changed import state_of
from vidrobust.plugins.unknown.stage import UNKNOWN
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.remedies.stage import REMEDIES


def key(known: tuple[str, ...]) -> str:
    return str(keys.record(UNKNOWN, Settings().changed({"known": known}, "test"), {}, {})["key"])


def test_a_further_or_another_file_makes_another_key(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(b"1")
    before = key((str(tmp_path),))
    assert key((str(tmp_path),)) == before
    (tmp_path / "b.png").write_bytes(b"2")
    more = key((str(tmp_path),))
    (tmp_path / "b.png").write_bytes(b"22")
    assert len({before, more, key((str(tmp_path),))}) == 3


def test_a_glob_is_looked_through_and_what_is_gone_has_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"123")
    assert [row[:2] for row in state_of([str(tmp_path / "*.png"), str(tmp_path / "gone")])] == [
        [str(tmp_path / "a.png"), 3]
    ]


def test_stages_that_read_tables_alone_have_no_such_state() -> None:
    assert "reads" not in keys.record(REMEDIES, Settings(), {}, {})
    assert "reads" not in keys.record(UNKNOWN, Settings(), {}, {})
