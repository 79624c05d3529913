"""A run on files whose names break lines, tables and markup."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pipeline.conftest import NETS, run
from tests.shrunk import shrink
from vidrobust.run_folder.folder import RunFolder

HOSTILE = [b"\xff\xfe.gif", b"<script>x&\n%03d.gif", b"x" * 251 + b".gif"]


@pytest.mark.parametrize("name", HOSTILE, ids=["bytes", "markup", "255"])
def test_a_hostile_name_goes_through_tables_and_report_and_continues(
    name: bytes, corpus: Path, models: Path, tmp_path: Path
) -> None:
    source = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    shrink(corpus / "factory" / "flour_bag_conveyor_output.gif", Path(source))
    out = tmp_path / "run"
    command = ("stability", source, f"--model=onnx:{models / NETS[0]}", f"--out={out}", "--quiet")
    for _ in range(2):
        assert run(*command, "--end-s=1") == 0
    assert run("report", str(out)) == 0
    folder = RunFolder(out)
    item = folder.table("items").iloc[0]
    assert folder.settings.sources == (source,)
    assert folder.table("frames")["item"].unique().tolist() == [item["item"]]
    assert item["item"] == item["item"].encode("ascii").decode()
    assert "\n" not in item["item"]
    page = (out / "details.html").read_bytes().decode("utf-8")
    assert "<script>x" not in page
