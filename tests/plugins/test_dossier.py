"""The dossier: what is listed of a run, and that nothing is listed that the run does not have."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tests.finished_runs.test_exports import two_clips
from vidrobust.finished_runs.exports.catalogue import export_run
from vidrobust.plugins.dossier import dossier
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
    # neither labels nor a gauge study, a history or a floor
    assert set(found) == {*("footage", "domain", "identity", "stable", "worst", "why", "sensitive")}
    stable = next(s for s in answer_of(tables).of("net-b") if s.question == Question.STABLE)
    assert found["stable"].texts == (stable.text,)
    assert [each.number for each in found.values()] == list(range(1, len(found) + 1))
    for standard in standards_of(found):
        for clause in standard.clauses:
            assert set(clause.evidence) <= set(found.values())
            assert not (clause.evidence and clause.needs)


def test_verdicts_of_a_gauge_study_and_right_answers_are_evidence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dossier, "_stated", lambda run, model: {})
    row = {
        "rule": "miss_rate at most 0.02",
        "of": "north",
        "value": 1 / 3,
        "low": 0.04,
        "high": 0.78,
    }
    study = {"verdicts": [{**row, "verdict": "not shown"}], "overall": {"sentence": "Not shown."}}
    top1 = {
        "model": "net",
        "item": "",
        "metric": "top1",
        "value": 0.743,
        "low": 0.486,
        "high": 0.892,
        "n": 576,
    }
    run: Any = SimpleNamespace(json=lambda name: study, table=lambda name: pd.DataFrame([top1]))
    first, last = dossier._repeatability(run, "net")
    assert re.findall(r"[\d.]+", first.partition(":")[2]) == ["0.33", "0.04", "0.78", "."]
    assert last == "Not shown."
    (right,) = dossier._labels(run, "net")
    assert re.findall(r"\d+", right) == ["74", "49", "89", "576"]
    without: Any = SimpleNamespace(json=lambda name: None, table=lambda name: None)
    assert [*dossier._repeatability(without, "net"), *dossier._labels(without, "net")] == []


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
    clauses = [
        c for s in standards_of(evidence_of(RunTables(run.path), "net-b")) for c in s.clauses
    ]
    assert all(clause.title in page for clause in clauses)
    models = len(RunTables(run.path).tasks)
    assert len(re.findall(r"<b>Not covered\.</b>", page)) == models * sum(
        not c.evidence for c in clauses
    )
    if any(map(shutil.which, PROGRAMS)):
        assert written.files[1].read_bytes().startswith(b"%PDF")
    else:
        assert written.notes
