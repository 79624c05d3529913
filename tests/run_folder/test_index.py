"""Tables of a run folder that have no rows, and tables whose file is gone."""

import pytest

from vidrobust.errors import InputError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", Settings())


def player_frames(count):
    table = schema.empty("player_frames").reindex(range(count))
    columns = schema.TABLES["player_frames"].columns
    return table.assign(**{c.name: "" if c.kind == "string" else 0 for c in columns})


def test_a_table_without_rows_is_read_with_its_columns_and_replaces_an_older_one(folder):
    folder.write_table("player_frames", player_frames(2))
    assert folder.count("player_frames") == 2
    folder.write_table("player_frames", player_frames(0))
    assert not folder.has("player_frames")
    found = folder.table("player_frames")
    assert (len(found), list(found)) == (0, list(schema.TABLES["player_frames"].names))
    kinds = {str(found[c.name].dtype) for c in schema.TABLES["player_frames"].columns}
    assert kinds <= {"object", "int64", "float64"}


def test_a_table_whose_file_is_gone_is_not_taken_for_empty(folder):
    folder.write_table("player_frames", player_frames(2))
    folder.note_stage("moments", {"rows": {"player_frames": 2}})
    (folder.path / "player_frames.parquet").unlink()
    with pytest.raises(InputError, match=r"player_frames\.parquet"):
        folder.table("player_frames")
