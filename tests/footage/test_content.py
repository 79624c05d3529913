"""The content of an item does not depend on its name, and follows every change of it."""

import hashlib
import os
import shutil
from dataclasses import replace

import pytest

from vidrobust.footage.content import ContentKeys, content_key
from vidrobust.footage.item import Item

LONG_AGO = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def clip(corpus, tmp_path):
    path = tmp_path / "a.mp4"
    shutil.copyfile(corpus / "faults" / "torchcodec_nasa_13013.mp4", path)
    os.utime(path, LONG_AGO)
    return Item(name="a", path=path)


def test_a_whole_file_has_its_sha256_under_every_name(clip, tmp_path):
    expected = hashlib.sha256(clip.path.read_bytes()).hexdigest()
    assert content_key(clip) == expected
    other = tmp_path / os.fsdecode(b"\xff.mp4")
    shutil.copyfile(clip.path, other)
    copy = Item(name="b", path=other, part="7", label="ok", more=(("shift", "night"),))
    assert content_key(copy) == expected


def test_window_and_region_are_part_of_it(clip):
    items = [
        clip,
        replace(clip, start_s=1.0),
        replace(clip, end_s=1.0),
        replace(clip, start_s=1.0, end_s=2.0),
        replace(clip, roi=(0, 0, 8, 8)),
        replace(clip, roi=(0, 0, 8, 9)),
    ]
    assert len({content_key(item) for item in items}) == len(items)


def test_a_folder_counts_its_images_and_their_names(tmp_path):
    for name in ("1.png", "2.png", "notes.txt"):
        (tmp_path / name).write_text(name)
    item = Item(name="f", path=tmp_path)
    before = content_key(item)
    (tmp_path / "notes.txt").write_text("other")
    assert content_key(item) == before
    (tmp_path / "2.png").rename(tmp_path / "3.png")
    renamed = content_key(item)
    (tmp_path / "3.png").write_text("changed")
    assert len({before, renamed, content_key(item)}) == 3


def test_the_cache_is_used_and_a_changed_file_is_not_taken_from_it(clip):
    cache = {}
    key = content_key(clip, cache)
    (place,) = cache
    cache[place] = "from the cache"
    assert content_key(clip, cache) == "from the cache"
    os.utime(clip.path, (LONG_AGO[0], LONG_AGO[0] + 1))
    assert content_key(clip, cache) == key


def test_a_file_that_has_just_changed_is_not_kept(clip):
    cache = {}
    clip.path.write_bytes(b"one")
    content_key(clip, cache)
    assert not cache


def test_a_cache_on_disk_is_read_again_and_may_be_damaged(clip, tmp_path):
    odd = tmp_path / os.fsdecode(b"\xfe.mp4")
    shutil.copyfile(clip.path, odd)
    os.utime(odd, LONG_AGO)
    file = tmp_path / "hashes.json"
    keys = ContentKeys(file)
    expected = keys.of(Item(name="odd", path=odd))
    keys.save()
    text = file.read_text()
    assert expected in text
    file.write_text(text.replace(expected, "kept"))
    assert ContentKeys(file).of(Item(name="odd", path=odd)) == "kept"
    file.write_text("[")
    assert ContentKeys(file).of(Item(name="odd", path=odd)) == expected
    ContentKeys(None).save()


def test_what_cannot_be_read_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        content_key(Item(name="none", path=tmp_path / "none.mp4"))
