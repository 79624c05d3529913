"""The repeatability study that a run folder keeps, and whether it is of the answers that the run has now."""

from __future__ import annotations

from typing import Any

from vidrobust.plugins.gauge.study_file import FILE
from vidrobust.run_folder.folder import RunFolder


def current_study(folder: RunFolder) -> tuple[dict[str, Any] | None, str]:
    """The study of a run, or None where there is none or it is of other answers; and what to say of it."""
    how = f"vidrobust repeatability {folder.path} makes it"
    if not (folder.path / FILE).is_file():
        return None, how
    found = folder.read_json(FILE)
    if found["of"] != folder.record.stability_key:
        return None, f"that in {FILE} is older than the run's answers, and {how} anew"
    return found, "" if found["gauge"] is not None else "; ".join(found["notes"])
