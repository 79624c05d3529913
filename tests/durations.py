"""Processor seconds of every test file: shown, kept in ``durations.json``, and what orders and marks the tests.

``VIDROBUST_WRITE_DURATIONS=1`` in front of a command writes what its files took, of this process and of those that
it started; times by the clock would depend on what else the machine does. The longest files go first, because a
worker that begins one of them last is waited for. Where several files read one study that is made once, all but the
longest come later: begun beside it, their workers would wait for the study.
"""

import json
import math
import os
import resource
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).parent / "durations.json"
SLOW_S = 2.5
"""A file that takes longer, or of which nothing is known, is left out by ``make quick``."""
LATE = 0.5
"""How much of its seconds a file counts whose study another one makes."""
SHOWN = 15
"""Files listed at the end of a run in CI."""
_BEGAN = pytest.StashKey[float]()
_taken = defaultdict(Counter)


def _processor_s():
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def kept():
    """Return processor seconds by suite (``test``, ``nightly``) and file."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def pytest_collection_modifyitems(items):
    """Mark the tests of long files as slow, and put the longest files first."""
    known = kept()
    seconds = {item: known.get(_suite(item), {}).get(_file(item), math.inf) for item in items}
    for item in items:
        if seconds[item] > SLOW_S:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: -seconds[item])
    makers = {}  # study -> the file that makes it
    late = {
        _file(item)
        for item in items
        for study in _studies(item)
        if makers.setdefault(study, _file(item)) != _file(item)
    }
    items.sort(key=lambda item: -seconds[item] * (LATE if _file(item) in late else 1))


def _studies(item):
    """Return the fixtures of a test that are made once for all workers."""
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return [name for name, defined in known.items() if "made_once" in defined[-1].argnames]


def _suite(item):
    return "nightly" if item.get_closest_marker("nightly") else "test"


def _file(item):
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[_BEGAN] = _processor_s()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    yield
    item.user_properties.append((f"{_suite(item)}_s", _processor_s() - item.stash[_BEGAN]))


def pytest_runtest_logreport(report):
    if report.when == "teardown":
        for name, seconds in report.user_properties:
            if name in ("test_s", "nightly_s"):
                _taken[name.removesuffix("_s")][report.nodeid.partition("::")[0]] += float(seconds)


def pytest_terminal_summary(terminalreporter):
    """Show the sum and, in CI, the longest files; keep all where that was asked for."""
    taken = Counter[str]()
    for files in _taken.values():
        taken.update(files)
    minutes = sum(taken.values()) / 60
    terminalreporter.write_line(f"{minutes:.1f} processor minutes in {len(taken)} files of tests")
    if os.environ.get("CI"):
        for file, seconds in taken.most_common(SHOWN):
            terminalreporter.write_line(f"{seconds:7.1f} s {file}")
    if os.environ.get("VIDROBUST_WRITE_DURATIONS"):
        _keep()


def _keep():
    known = kept()
    for suite, files in _taken.items():
        both = known.get(suite, {}) | {file: round(s, 1) for file, s in files.items()}
        known[suite] = {file: s for file, s in sorted(both.items()) if (ROOT / file).exists()}
    KEPT.write_text(json.dumps(known, indent=1) + "\n")
