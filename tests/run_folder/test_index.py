"""index.json says what each file holds, and what was not written and why."""

import pytest

from vidrobust.errors import InputError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.index import index_of, write_index
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run", Settings())


def player_frames(count):
    table = schema.empty("player_frames").reindex(range(count))
    return table.assign(
        **{c.name: "" if c.kind == "string" else 0 for c in schema.TABLES["player_frames"].columns}
    )


def test_rows_columns_and_what_is_missing_are_named(folder):
    folder.write_table("player_frames", player_frames(3))
    folder.write_table("labels", schema.empty("labels"))
    folder.write_json("moments.json", {})
    folder.note_stage("moments", {"rows": {"player_frames": 3}})
    write_index(folder, {"moments": ("moments.json",)})
    index = folder.read_json("index.json")
    entry = index["files"]["player_frames.parquet"]
    assert (entry["rows"], entry["stage"]) == (3, "moments")
    assert list(entry["columns"]) == list(schema.TABLES["player_frames"].names)
    assert index["files"]["moments.json"]["stage"] == "moments"
    assert set(index["files"]) == {"player_frames.parquet", "moments.json", "run.json"}
    assert index["not_written"]["labels"] == "no rows"
    assert "stability" in index["not_written"]["pairs"]
    assert set(index["not_written"]) == set(schema.TABLES) - {"player_frames"}
    assert "labels" in index["summary"]
    assert "pairs" not in index["summary"]


def test_an_index_that_says_the_same_is_not_written_again(folder):
    write_index(folder, {})
    before = (folder.path / "index.json").stat().st_mtime_ns
    write_index(folder, {})
    assert (folder.path / "index.json").stat().st_mtime_ns == before
    assert index_of(folder, {}) == folder.read_json("index.json")


def test_a_table_without_rows_is_read_with_its_columns_and_replaces_an_older_one(folder):
    folder.write_table("player_frames", player_frames(2))
    assert folder.count("player_frames") == 2
    folder.write_table("player_frames", player_frames(0))
    assert not folder.has("player_frames")
    assert folder.find_table("player_frames") is None
    found = folder.table("player_frames")
    assert (len(found), list(found)) == (0, list(schema.TABLES["player_frames"].names))
    assert {str(found[c.name].dtype) for c in schema.TABLES["player_frames"].columns} <= {
        "object",
        "int64",
        "float64",
    }


def test_a_table_whose_file_is_gone_is_not_taken_for_empty(folder):
    folder.write_table("player_frames", player_frames(2))
    folder.note_stage("moments", {"rows": {"player_frames": 2}})
    (folder.path / "player_frames.parquet").unlink()
    with pytest.raises(InputError, match=r"player_frames\.parquet"):
        folder.table("player_frames")
