"""What is shown while work goes on."""

import time

from vidrobust.api.study import CallbackReporter
from vidrobust.pipeline import progress
from vidrobust.pipeline.progress import Reporter


def test_work_that_nobody_counts_is_mentioned_while_it_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SILENT_S", 0.1)
    reporter = Reporter()
    time.sleep(0.2)
    with reporter.working("policy"):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""  # silence counts from where the work begins
    with reporter.working("policy"):
        time.sleep(0.55)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2  # after .1 and .3 s: what takes long is told at growing distances
    assert all(line.startswith("policy: still working after 0.") for line in lines)
    with reporter.working("policy"):
        for _ in range(10):
            reporter.say("said")
            time.sleep(0.03)
    assert set(capsys.readouterr().err.splitlines()) == {"said"}


def test_quiet_and_callbacks_hear_nothing_of_it(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SILENT_S", 0.05)
    heard = []
    for reporter in (Reporter(quiet=True), CallbackReporter(heard.append)):
        with reporter.working("policy"):
            time.sleep(0.2)
    assert (heard, capsys.readouterr().err) == ([], "")


def test_control_characters_do_not_reach_the_terminal(capsys):
    Reporter().say("a\x1b[31mb")
    Reporter(quiet=True).warn("c\x07d")
    assert not {"\x1b", "\x07"} & set(capsys.readouterr().err)
