"""The file of a run folder that holds its repeatability study, and what says whether the study still holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE = "repeatability.json"


def stability_key(run_json: Mapping[str, Any]) -> str:
    """What the verdicts were made of: the key of the stability stage."""
    return str((run_json.get("stages") or {}).get("stability", {}).get("key", ""))
