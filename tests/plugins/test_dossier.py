"""The dossier: what is listed of a run, and that nothing is listed that the run does not have."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.finished_runs.test_exports import two_clips
from vidrobust.finished_runs.exports.catalogue import export_run
from vidrobust.plugins.dossier.dossier import SOURCES, SubjectEvidence, evidence_of, standards_of
from vidrobust.report.pages import PROGRAMS
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.statement import Question


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return two_clips(tmp_path_factory.mktemp("run") / "line 3")


def test_a_run_has_no_evidence_of_what_was_not_measured(run: RunFolder) -> None:
    tables = RunTables(run.path)
    found = evidence_of(tables, "net-b")
    assert not {"sensitive", "labels", "repeatability", "history", "floor"} & set(found)
    stable = next(s for s in answer_of(tables).of("net-b") if s.question == Question.STABLE)
    assert found["stable"].texts == (stable.text,)
    assert [each.number for each in found.values()] == list(range(1, len(found) + 1))
    for standard in standards_of(found):
        for clause in standard.clauses:
            assert set(clause.evidence) <= set(found.values())
            assert not (clause.evidence and clause.needs)


def test_a_clause_without_a_subject_is_never_covered() -> None:
    everything = {name: SubjectEvidence(1, "any", ("any",), "any", "any") for name in SOURCES}
    standards = standards_of(everything)
    open_ones = {c.number for s in standards for c in s.clauses if not c.evidence}
    assert {"15(5)", "6", "5.3 to 5.6", "adversarial", "curvature", "risk"} <= open_ones
    assert all(c.missing for s in standards for c in s.clauses if not c.evidence)
    assert sum(standard.covered for standard in standards_of({})) == 0


def test_the_page_names_each_subject_and_the_pdf_has_it_too(run: RunFolder, tmp_path: Path) -> None:
    written, _ = export_run(run.path, "dossier", tmp_path)
    page = written.files[0].read_text(encoding="utf-8")
    clauses = [c for s in standards_of(evidence_of(RunTables(run.path), "net-b")) for c in s.clauses]
    assert all(clause.title in page for clause in clauses)
    models = len(RunTables(run.path).tasks)
    assert len(re.findall(r"<b>Not covered\.</b>", page)) == models * sum(not c.evidence for c in clauses)
    if any(map(shutil.which, PROGRAMS)):
        assert written.files[1].read_bytes().startswith(b"%PDF")
    else:
        assert written.notes
