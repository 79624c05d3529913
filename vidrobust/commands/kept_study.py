"""The repeatability study that a run folder keeps, and whether it is of the answers that the run has now."""

from __future__ import annotations

from typing import Any

from vidrobust.run.folder import RunFolder

FILE = "repeatability.json"


def stability_key(folder: RunFolder) -> str:
    """What the verdicts were made of, so that a reader can tell whether they still hold."""
    return str(folder.run["stages"].get("stability", {}).get("key", ""))


def current_study(folder: RunFolder) -> tuple[dict[str, Any] | None, str]:
    """The study of a run, or None where there is none or it is of other answers; and what to say of it."""
    how = f"vidrobust repeatability {folder.path} makes it"
    if not (folder.path / FILE).is_file():
        return None, how
    found = folder.read_json(FILE)
    if found["of"] != stability_key(folder):
        return None, f"that in {FILE} is older than the run's answers, and {how} anew"
    return found, "; ".join(note for note in found["notes"] if note.startswith("no gauge study"))
