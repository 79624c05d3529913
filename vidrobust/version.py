"""The version of the package; pyproject.toml has the same, which a test holds."""

from __future__ import annotations

VERSION = "0.2.0"
