"""The made run that the tests of the page share."""

from __future__ import annotations

from tests.stages.report.conftest import made as made
