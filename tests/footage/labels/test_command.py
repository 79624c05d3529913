"""vidrobust labels: what it prints of real files."""

import json

import pytest

from vidrobust.cli.app import main


def test_a_summary_for_people_and_as_json(annotations, capsys):
    path = str(annotations / "ytbb" / "ytbb_subset.csv")
    main(["labels", path])
    text = capsys.readouterr().out
    assert (
        "ytbb-detection: 10 inputs, 322 frames, 322 rows, 17 tracks, 276 boxes in shares of the frame"
        in text
    )
    assert "present 276, absent 40, uncertain 6" in text
    main(["labels", path, "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["labels"]["car"]) == ("ytbb-detection", 322, 35)


def test_faults_are_printed_and_end_with_3(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("ytid,time_ms,label\nabc,1,99\n")
    with pytest.raises(SystemExit) as ended:
        main(["labels", str(tmp_path / "a.csv"), str(tmp_path / "none.csv")])
    assert ended.value.code == 3
    printed = capsys.readouterr()
    assert "line 2, column label: expected a class number 0 to 23, got 99" in printed.out
    assert "none.csv: there is no such file or folder" in printed.err
