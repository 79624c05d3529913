"""A run on files whose names break lines, tables and markup."""

import os
from pathlib import Path

from tests.pipeline.conftest import run
from tests.shrunk import shrink
from vidrobust.run_folder.folder import RunFolder

HOSTILE = {
    b"\xff\xfe.gif": "line-bolt.gif",
    b"<script>x&\n%03d.gif": "line-flour-bags.gif",
    b"x" * 251 + b".gif": "line-fruit.gif",
}


def test_hostile_names_go_through_tables_and_report_and_continue(public_clips, tmp_path):
    sources = []
    for name, clip in HOSTILE.items():
        sources.append(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        shrink(public_clips / clip, Path(sources[-1]))
    out = tmp_path / "run"
    command = ("stability", *sources, "-mtests.fuzz.tiny:model", f"--out={out}", "--quiet")
    for _ in range(2):
        assert run(*command, "--end-s=0.5") == 0
    assert run("report", str(out)) == 0
    folder = RunFolder(out)
    items = folder.table("items")["item"].tolist()
    assert len(items) == len(HOSTILE)
    assert folder.settings.sources == tuple(sources)
    assert folder.table("frames")["item"].unique().tolist() == items
    for item in items:
        assert item == item.encode("ascii").decode()
        assert "\n" not in item
    page = (out / "details.html").read_bytes().decode("utf-8")
    assert "<script>x" not in page
