"""SOURCES become items with unique names; what is missing or no footage is said, not dropped."""

import os
from pathlib import Path

import pytest

from vidrobust.footage.expand import expand_sources, natural_key


@pytest.fixture
def tree(tmp_path):
    """parts/1/{a.mp4,b.mp4}, parts/2/{a.mp4,a.mkv,frames/f_{1,2,10}.png}, and things that are no footage."""
    videos, others = (
        ("1/a.mp4", "1/b.mp4", "2/a.mp4", "2/a.mkv"),
        ("readme.txt", "labels", ".DS_Store"),
    )
    for name in (*videos, *(f"2/{other}" for other in others)):
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "parts" / name).touch()
    frames = tmp_path / "parts" / "2" / "frames"
    frames.mkdir()
    for number in (1, 2, 10):
        (frames / f"f_{number}.png").touch()
    return tmp_path


def names(*sources):
    return [item.name for item in expand_sources([str(s) for s in sources]).items]


def test_a_tree_of_parts_is_searched_through(tree):
    found = expand_sources([tree / "parts"])
    items = {item.name: str(item.path.relative_to(tree)) for item in found.items}
    assert items == {
        "1/a.mp4": "parts/1/a.mp4",
        "b": "parts/1/b.mp4",
        "2/a.mp4": "parts/2/a.mp4",
        "a.mkv": "parts/2/a.mkv",
        "frames": "parts/2/frames",
    }
    left = {each.path.name: each.reason for each in found.left_out}
    assert left == {
        ".DS_Store": "its name begins with a dot",
        "labels": "a name without suffix is not known as a video or an image",
        "readme.txt": ".txt is not known as a video or an image",
    }
    assert found.problems == ()


def test_missing_and_empty_sources_are_problems_and_the_others_go_on(tree):
    (tree / "empty").mkdir()
    sources = [
        tree / "absent.mp4",
        tree / "empty",
        tree / "*.avi",
        "http://127.0.0.1/a.mp4",
        tree / "parts/1/a.mp4",
    ]
    found = expand_sources([str(s) for s in sources])
    assert [item.name for item in found.items] == ["a"]
    assert found.problems == (
        f"No such file: {tree}/absent.mp4",
        f"{tree}/empty: is empty; name a file, or another folder",
        f"{tree}/*.avi: nothing matches this pattern",
        "http://127.0.0.1/a.mp4: is a stream, and only files are read; record it: "
        "ffmpeg -i ADDRESS -t 60 -c copy clip.mkv",
    )


def test_a_file_named_explicitly_is_always_tried(tree):
    assert names(tree / "parts/2/readme.txt", tree / "parts/2/.DS_Store") == ["readme", ".DS_Store"]


def test_globs_and_the_same_file_twice(tree):
    assert names(tree / "parts/1/*.mp4", tree / "parts/1/a.mp4") == ["a", "b"]
    assert names(tree / "parts/**/a.*") == ["1/a.mp4", "a.mkv", "2/a.mp4"]


def test_a_name_with_brackets_is_a_file_first(tree):
    (tree / "take[1].mp4").touch()
    assert names(tree / "take[1].mp4") == ["take[1]"]


def test_all_images_of_a_folder_named_one_by_one_are_that_folder(tree):
    frames = tree / "parts/2/frames"
    assert [i.path for i in expand_sources([frames / "*.png"]).items] == [frames]
    assert names(*sorted(frames.iterdir())) == ["frames"]
    assert names(frames / "f_1.png", frames / "f_10.png") == ["f_1", "f_10"]


def test_names_are_unique_whatever_the_paths(tree):
    for folder in ("x/y", "x/z", "w/y"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "a.mp4").touch()
    found = names(tree)
    assert len(set(found)) == len(found) == 8
    assert {"x/y/a.mp4", "w/y/a.mp4", "z/a.mp4"} <= set(found)


def test_a_loop_of_links_ends(tree):
    (tree / "parts" / "1" / "back").symlink_to(tree / "parts")
    assert len(names(tree / "parts" / "1")) == len(set(names(tree / "parts" / "1"))) > 0


def test_numbers_in_names_count():
    given = ["f_10", "f_9", "f_1b", "f_1a", "g", "f_", "f²"]
    assert sorted(given, key=natural_key) == ["f_", "f_1a", "f_1b", "f_9", "f_10", "f²", "g"]


def test_a_run_folder_below_a_source_is_no_footage(tree):
    moments = tree / "parts" / "report" / "moments"
    moments.mkdir(parents=True)
    (moments / "flip.jpg").touch()
    assert "moments" in names(tree / "parts")
    (moments.parent / "run.json").touch()
    found = expand_sources([tree / "parts"])
    assert "moments" not in [item.name for item in found.items]
    reasons = {e.path.name: e.reason for e in found.left_out}
    assert reasons["report"] == "is a run folder of vidrobust (run.json)"
    (problem,) = expand_sources([moments.parent]).problems
    assert problem.endswith("is a run folder of vidrobust, not footage; name the footage itself")


def test_hostile_names_are_shown_with_escapes_and_their_paths_stay(tmp_path):
    given = [b"\xff.mp4", b"a\nb.mp4", b"<i>x.mp4", b"tab\there.mp4", b"x" * 251 + b".mp4"]
    for name in given:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    items = expand_sources([tmp_path]).items
    assert {os.fsencode(item.path.name) for item in items} == set(given)
    assert {item.name for item in items} == {r"\xff", r"a\nb", "<i>x", r"tab\there", "x" * 251}
    (problem,) = expand_sources([os.fsdecode(b"/none/\xfe\n.mp4")]).problems
    assert problem == r"No such file: /none/\xfe\n.mp4"
