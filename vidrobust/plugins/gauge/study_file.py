"""The file of a run folder that holds its repeatability study."""

from __future__ import annotations

FILE = "repeatability.json"
