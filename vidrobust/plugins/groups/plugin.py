"""Registers the section without slow imports."""

from __future__ import annotations

from vidrobust.report.section import ReportSection, called

REPORT = ReportSection(
    name="groups",
    question="Where does it differ?",
    after="why",
    details=called("vidrobust.plugins.groups.answers:details"),
    statements=called("vidrobust.plugins.groups.answers:statements"),
)
