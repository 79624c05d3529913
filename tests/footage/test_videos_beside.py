"""A file of YouTube-BoundingBoxes as a source stands for the videos beside it."""

import shutil

from vidrobust.footage.expand import expand_sources


def test_the_videos_beside_the_real_rows(corpus, tmp_path):
    csv = tmp_path / "ytbb_subset.csv"
    shutil.copyfile(corpus / "annotations" / "ytbb" / "ytbb_subset.csv", csv)
    (tmp_path / "videos").mkdir()
    for name in (
        "FcmfoPqPxB8.mp4",
        "videos/NzAEnNO5-fo_1.mp4",
        "videos/NzAEnNO5-fo_2.mkv",
        "other.mp4",
        "NzAEnNO5-fo.txt",
    ):
        (tmp_path / name).touch()
    found = expand_sources([csv])
    assert {item.name: item.path.relative_to(tmp_path).as_posix() for item in found.items} == {
        "FcmfoPqPxB8": "FcmfoPqPxB8.mp4",
        "NzAEnNO5-fo_1": "videos/NzAEnNO5-fo_1.mp4",
        "NzAEnNO5-fo_2": "videos/NzAEnNO5-fo_2.mkv",
    }
    (problem,) = found.problems
    assert problem.startswith(f"{csv}: 8 of 10 videos do not lie beside it, as ID.mp4 (")


def test_an_id_with_an_underscore(tmp_path):
    csv = tmp_path / "a.csv"
    csv.write_text("_a_B1234567,1000,0,person,present\nshort,1000,0,person,present\n")
    (tmp_path / "_a_B1234567+0.mp4").touch()
    found = expand_sources([csv])
    assert [item.name for item in found.items] == ["_a_B1234567+0"]
    assert len(found.problems) == 1
