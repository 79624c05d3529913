"""The made run that the tests of the page share."""

from tests.stages.report.conftest import made as made
