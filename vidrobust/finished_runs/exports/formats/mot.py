"""MOTChallenge: the tracks of detectors, a file an input."""

from __future__ import annotations

from pathlib import Path

from vidrobust.finished_runs.exports.box_files import write_mot
from vidrobust.finished_runs.exports.catalogue import Exported, Format
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables


def write(run: RunTables, out: Path) -> Exported:
    return Exported(tuple(write_mot(RunFolder.existing(run.folder), out)))


FORMAT = Format(what="tracks of detectors, as MOTChallenge files", opened_by="TrackEval", write=write)
