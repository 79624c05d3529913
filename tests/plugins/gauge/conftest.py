"""Fixtures of the report, for its section on repeatability."""

from __future__ import annotations

from tests.stages.report.conftest import made

__all__ = ["made"]
