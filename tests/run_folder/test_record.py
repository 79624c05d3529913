"""run.json as records: what stands there, what is missing, and what is wrong with it."""

import pytest

from vidrobust.errors import InputError
from vidrobust.pipeline.keys import status
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.tables import schema as tables


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "run", Settings(seed=3))
    item = {
        "item": "a",
        "pass": "2",
        "part": "p",
        "width": 640,
        "height": 480,
        "frame_rate": 25,
        "end_s": None,
    }
    made.update(
        inputs=[
            {**item, "corrupt_frames": 1, "notes": ["odd"], "variation": {"stride": 6}},
            {"item": "b"},
        ],
        models=[
            {"name": "net", "threads": 1},
            {"name": "boxes", "task": "detection", "num_classes": 80},
        ],
        duplicates=[{"item": "c", "same_as": "a"}],
    )
    made.note_stage(
        "stability",
        {
            "key": "k",
            "version": 2,
            "package": "0.1.0",
            "settings": {},
            "needs": {},
            "seconds": 1.5,
            "units": 4,
        },
    )
    return made


def test_what_stands_there(folder):
    run = folder.record
    assert run.schema == 4
    first, second = run.inputs
    assert (first.pass_, first.frame_rate, first.end_s, first.notes) == ("2", 25.0, None, ("odd",))
    assert first.variation == {"stride": 6}
    assert (second.width, second.part, second.problems) == (0, "", ())
    assert run.parts == {"a": "p"}
    assert run.sizes["a"] == (480, 640)
    assert run.tasks == {"net": "classification", "boxes": "detection"}
    assert run.stages["stability"].seconds == 1.5
    assert run.duplicates[0].same_as == "a"
    assert run.settings["seed"] == 3


def test_the_report_reads_through_the_same_folder(folder):
    folder.write_table("frames", tables.empty("frames"))
    read = RunTables(folder.path)
    assert read.table("frames") is None  # there, and without a row
    assert not len(folder.table("pairs"))  # not there
    assert len(folder.table("pairs")) == 0
    assert (read.models, read.detectors, read.items) == (["net"], ["boxes"], ["a", "b"])
    assert read.json("policy.json") == {}


@pytest.mark.parametrize("part", ["version", "package", "settings", "needs", "key", "seconds"])
def test_a_stage_whose_record_lacks_a_part_is_not_done(folder, part):
    """Read by ``status``, which looked for it in vain."""
    stages = folder.run["stages"]
    del stages["stability"][part]
    folder.update(stages=stages)
    rows = {row["stage"]: row["state"] for row in status(RunFolder.existing(folder.path), STAGES)}
    assert rows["stability"] == "stale"


@pytest.mark.parametrize("damage", [{"settings": 3}, {"version": "x"}, {"needs": 3}])
def test_a_stage_whose_record_is_damaged_is_refused(folder, damage):
    stages = folder.run["stages"]
    folder.update(stages={"stability": {**stages["stability"], **damage}})
    with pytest.raises(InputError, match=r"run\.json: is not the run.json of this version"):
        RunFolder.existing(folder.path)


@pytest.mark.parametrize("damage", [{"bright": {"decoder": {"flips": 0}}}, {"bright": 3}])
def test_a_damaged_noise_floor_is_refused(folder, damage):
    folder.update(noise_floor=damage)
    with pytest.raises(InputError, match=r"run\.json: is not the run.json of this version"):
        RunFolder.existing(folder.path)


@pytest.mark.parametrize("key", ["settings", "stages"])
def test_a_record_that_lost_a_part_is_refused(folder, key):
    whole = folder.run
    del whole[key]
    folder.write_json("run.json", whole)
    with pytest.raises(InputError, match=rf"run\.json is damaged, it has no {key}; .*--overwrite"):
        RunFolder.existing(folder.path)


def test_what_is_wrong_is_named(folder, tmp_path):
    folder.update(inputs=[{"path": "x.mp4"}])
    with pytest.raises(InputError, match=r"run\.json: is not the run.json of this version"):
        _ = folder.record
    with pytest.raises(InputError, match="is not a run folder"):
        RunTables(tmp_path)
    (folder.path / "run.json").write_text("[]")
    with pytest.raises(InputError, match="expected a JSON object, got list"):
        RunTables(folder.path)
