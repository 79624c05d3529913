"""Parts in the run folder, in another folder, and in storage that is reached by a URL."""

import pickle
import time

import numpy as np
import pandas as pd
import pytest

from tests.pipeline.conftest import NETS, few, run
from vidrobust.errors import InputError, SettingsError
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.stages.transitions.stage import TRANSITIONS
from vidrobust.tables import schema as tables


def transitions():
    table = tables.empty("transitions").reindex(range(2))
    values = {"item": "a", "reason": "", "content": "c", "keyframe": False, "corrupt": False}
    for column in table:
        table[column] = values.get(str(column), [1.5, 2.5] if column != "frame" else [0, 1])
    return tables.check("transitions", table)


@pytest.mark.parametrize("place", ["", "other", "memory://parts"])
def test_a_part_comes_back_as_it_was_wherever_it_is(tmp_path, place):
    parts = UnitCache(tmp_path / "run", str(tmp_path / place) if place == "other" else place)
    assert not parts.has(TRANSITIONS, "k")
    facts = {"decoded": "x", "share": np.float32(0.5)}
    parts.write(TRANSITIONS, "k", {"transitions": transitions()}, facts)
    parts = pickle.loads(pickle.dumps(parts))
    assert parts.has(TRANSITIONS, "k")
    assert not parts.has(TRANSITIONS, "other")
    found, expected = (
        parts.read(TRANSITIONS, "k", "transitions", "b"),
        transitions().assign(item="b"),
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
    assert parts.facts(TRANSITIONS, "k") == {"decoded": "x", "share": 0.5}
    with pytest.raises(InputError, match=r"transitions.none\.zip: cannot be read"):
        parts.facts(TRANSITIONS, "none")
    if place:
        with pytest.raises(SettingsError, match="may hold units of other runs too"):
            parts.clean()
    else:
        assert parts.clean() > 0
        assert not parts.has(TRANSITIONS, "k")


def test_storage_that_nothing_reaches_is_named(tmp_path):
    said = "cache: nowhere://x: neither pyarrow nor fsspec reaches it"
    with pytest.raises(SettingsError, match=said):
        UnitCache(tmp_path, "nowhere://x").has(TRANSITIONS, "k")


def test_a_run_with_its_parts_elsewhere(public_clips, tmp_path):
    """The same tables, a second run takes the parts of the first, and none are in the run folder."""
    command = ["variation", str(public_clips / "hevc.mp4"), *few("variation"), "--quiet"]
    assert run(*command, f"--out={tmp_path / 'here'}") == 0
    for out in ("first", "second"):
        assert run(*command, f"--out={tmp_path / out}", "--cache=memory://shared") == 0
        assert not list((tmp_path / out).glob("cache/**/*.zip"))
        for name in ("transitions", "changes", "variation"):
            files = (tmp_path / each / f"{name}.parquet" for each in ("here", out))
            here, there = map(pd.read_parquet, files)
            pd.testing.assert_frame_equal(here, there, check_exact=True)


@pytest.mark.parametrize("place", ["/proc/1", "http://127.0.0.1:9/x"])
def test_a_cache_that_cannot_be_written_is_refused_before_anything_is_computed(
    public_clips, models, printed, tmp_path, place
):
    started = time.monotonic()
    command = ("stability", str(public_clips / "hevc.mp4"), f"--model=onnx:{models / NETS[0]}")
    ended = printed(3, *command, f"--cache={place}", f"--out={tmp_path / 'run'}")
    assert f"{place}: the cache cannot be written to (" in ended.err
    assert "()" not in ended.err
    assert "fault of vidrobust" not in ended.err
    assert time.monotonic() - started < 30  # where it is tried again until the end, a minute passes


def test_the_secrets_of_an_address_are_not_said(tmp_path):
    place = "s3://key:secret@b/x?endpoint_override=127.0.0.1:9&scheme=http"
    with pytest.raises(InputError) as refused:
        UnitCache(tmp_path, place).check()
    assert "secret@" not in str(refused.value)
