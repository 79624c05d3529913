"""vidrobust labels: what it prints of real files."""

import json


def test_a_summary_for_people_and_as_json(annotations, printed):
    path = annotations / "ytbb" / "ytbb_subset.csv"
    text = printed(0, "labels", path).out
    counts = "10 inputs, 322 frames, 322 rows, 17 tracks, 276 boxes in shares of the frame"
    assert f"ytbb-detection: {counts}" in text
    assert "present 276, absent 40, uncertain 6" in text
    (found,) = json.loads(printed(0, "labels", path, "--json").out)
    assert (found["format"], found["rows"], found["labels"]["car"]) == ("ytbb-detection", 322, 35)


def test_faults_are_printed_and_end_with_3(tmp_path, printed):
    (tmp_path / "a.csv").write_text("ytid,time_ms,label\nabc,1,99\n")
    said = printed(3, "labels", tmp_path / "a.csv", tmp_path / "none.csv")
    assert "line 2, column label: expected a class number 0 to 23, got 99" in said.out
    assert "none.csv: there is no such file or folder" in said.err
