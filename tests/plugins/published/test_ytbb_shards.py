"""A file in pieces says what it says as a whole, with the lines of the whole; every video lies in one piece."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.published import data_sets as video_sets
from vidrobust.plugins.published import ytbb
from vidrobust.plugins.published.ytbb import is_shard, line_count, split

BAD = {
    7: "video03,7000,99,unicorn,0,present,0.1,0.5,0.2,0.6",
    12: "video05,-1000,1,bird,0,present,0.1,0.5,0.2,0.6",
}


def rows(videos=9, seconds=5):
    every = [(f"video{v:02d}", 1000 * s) for v in range(videos) for s in range(seconds)]
    return [f"{v},{ms},1,bird,{ms // 3000},present,0.1,0.5,0.2,{0.6 + ms / 1e6}" for v, ms in every]


def written(path, header, bad=True):
    lines = rows()
    for place, line in BAD.items() if bad else ():
        lines[place - 1] = line
    if bad:
        # says otherwise of the object of the first row
        lines.append(lines[0].replace("0.1", "0.2"))
    top = [",".join(ytbb.DETECTION)] if header else []
    path.write_text("\n".join([*top, *lines]))  # the last line is not ended
    return path


@pytest.mark.parametrize("header", [False, True])
def test_the_pieces_say_what_the_whole_says(tmp_path, header):
    path = written(tmp_path / "yt_bb_detection.csv", header)
    whole = ytbb.read(path)
    pieces = split(path, tmp_path, 4, has_header=header)
    read = [ytbb.read(piece.path, piece) for piece in pieces]
    videos = [set(labels.rows["item"]) for labels in read]
    assert sum(map(len, videos)) == len(set().union(*videos)) == 9
    both = (pd.concat([labels.rows for labels in read]), whole.rows)
    joined, expected = (t.sort_values(["item", "time_s"], ignore_index=True) for t in both)
    pd.testing.assert_frame_equal(joined, expected, check_dtype=False)
    said = sorted(str(problem) for labels in read for problem in labels.problems)
    assert said == sorted(map(str, whole.problems))
    first = 1 + header
    assert f"contradicts line {first}, " in " ".join(said)
    assert all(is_shard(piece.path) for piece in pieces)
    assert not is_shard(path)


def test_every_line_is_in_one_piece(tmp_path):
    path = written(tmp_path / "a.csv", header=False, bad=False)
    pieces = split(path, tmp_path, 40, has_header=False)
    assert len(pieces) < 10  # nine videos: pieces without a row are not written
    assert len(list(tmp_path.iterdir())) == 1 + len(pieces)
    lines = np.sort(np.concatenate([piece.lines for piece in pieces]))
    assert lines.tolist() == list(range(1, 46))
    assert line_count(path) == 44  # line feeds


def test_a_large_file_is_checked_in_pieces(tmp_path, monkeypatch):
    written(tmp_path / "yt_bb.csv", header=False)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "video04.mp4").touch()
    whole = video_sets.check_youtube_bb(tmp_path)
    monkeypatch.setattr(video_sets, "ROWS", 10)
    pieces = video_sets.check_youtube_bb(tmp_path)
    assert sorted(pieces.missing) == sorted(whole.missing)
    for name in ("counts", "notes", "manifest"):
        assert getattr(pieces, name) == getattr(whole, name)
    assert whole.notes == ("43 rows of 18 objects",)
    monkeypatch.setattr(video_sets, "MOST_PROBLEMS", 1)
    missing = video_sets.check_youtube_bb(tmp_path).missing
    assert "2 more rows of yt_bb.csv cannot be used" in missing


def test_what_cannot_be_cut(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(rows()), encoding="utf-16")
    with pytest.raises(InputError, match="is UTF-16"):
        split(path, tmp_path, 2, has_header=False)
    with pytest.raises(SettingsError, match="expected 1 to 500, got 0"):
        split(path, tmp_path, 0, has_header=False)
