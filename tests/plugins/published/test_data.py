"""Folders laid out as the data sets of the field are checked: counts, what is missing, manifest, next command."""

import json
from pathlib import Path

import pytest
import torch

from tests.plugins.published.made_layouts import imagenet, imagenet_p
from vidrobust.footage.manifest import read_manifest

PICTURES = {
    "a": ("n02123045", torch.full((3, 224, 224), 90, dtype=torch.uint8)),
    "b": ("n02690373", torch.full((3, 224, 224), 140, dtype=torch.uint8)),
}


@pytest.fixture
def checked(printed):
    return lambda name, folder: json.loads(printed(0, "data", name, "--at", folder, "--json").out)


def test_imagenet_has_a_manifest_of_stills(tmp_path, checked):
    folder = imagenet(tmp_path / "val", PICTURES)
    (folder / "junk").mkdir()
    (folder / "n02123045" / "a.png").rename(folder / "junk" / "a.png")
    found = checked("imagenet", folder)
    assert found["counts"]["classes"] == {"found": 1, "published": 1000}
    assert found["missing"] == [
        "999 of 1000 class folders are not there",
        "junk is no class of ImageNet's challenge",
    ]
    items = read_manifest(found["manifest"]).items
    assert [(item.path.name, item.label) for item in items] == [("a.png", "junk"), ("b.png", "404")]


def test_films_that_are_missing_are_named(tmp_path, checked):
    found = checked("imagenet-p", imagenet_p(tmp_path / "p", PICTURES, ("brightness",)))
    assert found["counts"]["sequences"] == {"found": 1, "published": 14}
    assert "tilt is not there" in found["missing"]
    assert "brightness holds 2 of 50000 films" in found["missing"]
    assert found["manifest"] is None


def test_videos_of_youtube_that_are_missing_are_named(tmp_path, checked):
    (tmp_path / "v.mp4").touch()
    rows = [f"{v},1000,1,bird,0,present,0.1,0.5,0.2,0.6\n" for v in ("v", "w")]
    (tmp_path / "yt_bb.csv").write_text("".join(rows))
    found = checked("youtube-bb", tmp_path)
    assert found["counts"]["videos"] == {"found": 1, "published": 2}
    assert found["missing"] == ["video w.mp4"]
    assert len(read_manifest(found["manifest"]).items) == 1


def test_vid_robust_by_its_real_metadata(corpus, tmp_path, checked):
    metadata = corpus / "annotations" / "imagenet-vid-robust_metadata"
    (tmp_path / "metadata").symlink_to(metadata)
    anchors = json.loads((metadata / "pmsets.json").read_text())
    anchor, about = next((key, keys) for key, keys in anchors.items() if len(keys) == 20)
    for key in (anchor, *about[:-1]):
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = checked("vid-robust", tmp_path)
    assert found["counts"] == {
        "anchors": {"found": 1109, "published": 1109},
        "labelled frames": {"found": 22179, "published": 22179},
        "of them on disk": {"found": 20, "published": 22179},
    }
    video = Path(anchor).parent
    assert f"{video}: " in " ".join(found["missing"])
    assert f"{tmp_path / 'metadata'} --model" in found["command"]
    (item,) = read_manifest(found["manifest"]).items
    assert (item.path, item.name) == (tmp_path / video, video.name)


def test_ytbb_robust_by_its_real_metadata(corpus, tmp_path, checked):
    metadata = corpus / "annotations" / "ytbb-robust_metadata"
    for path in metadata.iterdir():
        (tmp_path / path.name).symlink_to(path)
    found = checked("ytbb-robust", tmp_path)
    assert found["counts"]["anchors"] == {"found": 2169, "published": 2030}
    assert found["counts"]["frames on disk"]["found"] == 0
    assert "pmk_labels.json is not there" in found["missing"]
    assert found["manifest"] is None
    assert any("all frames within 10 of a good anchor count" in note for note in found["notes"])


def test_shards_are_written_beside_the_file_and_no_tables_of_their_own(tmp_path, checked, printed):
    rows = [f"v{k % 5},{1000 * k},1,bird,0,present,0.1,0.5,0.2,0.6\n" for k in range(40)]
    (tmp_path / "yt_bb.csv").write_text("".join(rows))
    said = printed(0, "data", "youtube-bb", "--at", tmp_path, "--shards", "3").out
    pieces = sorted(tmp_path.glob("yt_bb.shard-*-of-003.csv"))
    assert said.startswith(f"{len(pieces)} shards of yt_bb.csv, ")
    assert sum(len(path.read_text().splitlines()) for path in pieces) == 40
    assert checked("youtube-bb", tmp_path)["counts"]["videos"]["published"] == 5
    printed(2, "data", "imagenet", "--at", tmp_path, "--shards", "3")


EVERY = ["imagenet", "imagenet-c", "imagenet-p", "youtube-bb", "vid-robust", "ytbb-robust"]


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_folder_is_refused(name, tmp_path, printed):
    printed(3, "data", name, "--at", tmp_path)
