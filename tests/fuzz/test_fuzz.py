"""A few damaged files, nightly, and that the damage itself is what it claims to be."""

import sys
from collections import Counter

import pytest

from tests.fuzz import driver
from tests.fuzz.driver import Pool, cases, damaged, judged, run, summary
from tests.fuzz.mutations import KINDS
from tests.fuzz.seeds import seeds

LIGHT = 150_000
"""Files of more bytes are left to the whole fuzzing."""
FEW = 4
"""Mutations of each kind in the suite."""


@pytest.fixture(scope="module")
def files():
    return seeds(corpus=False)


def test_the_whole_fuzzing_is_large_enough(files):
    """At least 500 mutations of at least 12 real files, at least 80 of each kind, every kind on many files."""
    wanted = cases(files, seed=7, per_kind=100)
    assert len(wanted) >= 500
    counts = Counter(case.kind for case in wanted)
    assert set(counts) == {"headers", "truncations", "bit_flips", "splices", "sizes"}
    assert min(counts.values()) >= 80
    for kind in KINDS:
        assert len({case.seed for case in wanted if case.kind == kind}) >= 12
    suffixes = {name.name.rsplit(".", 1)[-1] for name in files}
    assert suffixes >= {"mp4", "mkv", "webm", "gif", "ts", "flv", "mov"}
    assert suffixes >= {"h264", "hevc", "ivf", "nut"}


def test_damage_differs_from_the_file_and_hangs_on_the_seed_alone(files):
    by_name = {each.name: each.data for each in files}
    some = cases(files, seed=3, per_kind=12)
    made = [damaged(case, files, 3) for case in some]
    assert made == [damaged(case, files, 3) for case in some]
    assert all(data != by_name[case.seed] for case, data in zip(some, made, strict=True))
    assert [damaged(case, files, 4) for case in some] != made
    flips = [c for c in some if c.kind == "bit_flips"]
    assert all(len(damaged(c, files, 3)) == len(by_name[c.seed]) for c in flips)
    cuts = [c for c in some if c.kind == "truncations"]
    assert all(len(damaged(c, files, 3)) < len(by_name[c.seed]) for c in cuts)


@pytest.mark.nightly
def test_damaged_files_are_read_or_refused(files):
    small = (each for each in files if each.width * each.height < 500_000)
    light = [each for each in small if len(each.data) < LIGHT]
    assert len(light) >= 12
    records = list(run(light, cases(light, seed=11, per_kind=FEW), 11))
    found = summary(records)
    assert found["mutations"] == FEW * len(KINDS)
    assert not found["faults"], found["faults"]
    assert {"studied", "refused"} <= set(found["outcomes"])


def test_what_the_limits_catch(tmp_path, monkeypatch):
    """A worker that crashes, takes too much memory or never answers is a fault, and the next one is asked anew."""
    code = "import json, os, sys, time\nprint(json.dumps({'ready': 1}), flush=True)\nfor line in sys.stdin:\n    "
    for does, limit, value, said in (
        ("os.abort()", "CPU_LIMIT_S", driver.CPU_LIMIT_S, "SIGABRT"),
        ("while True: pass", "CPU_LIMIT_S", 0.5, "time"),
        ("x = bytearray(300 * 2**20); time.sleep(60)", "MEMORY_LIMIT", 200 * 2**20, "memory"),
    ):
        with monkeypatch.context() as patched, Pool((sys.executable, "-c", code + does)) as pool:
            patched.setattr(driver, limit, value)
            assert said in pool.ask(tmp_path / "a", tmp_path / "b")["fault"]


def test_what_counts_as_a_fault():
    fine = {"code": 3, "said": "error: a.mp4: is empty (0 bytes)"}
    seen = {"code": 3, "said": "  ! a.mp4: is empty (0 bytes)"}
    spent = {"peak": 1, "cpu_s": 0.1}
    assert judged({"inspect": seen, "study": fine, **spent})["outcome"] == "refused"
    for study in (
        {"code": None, "said": "Traceback (most recent call last): KeyError"},
        {"code": 1, "said": "error: "},
        {"code": 3, "said": "nothing of use"},
    ):
        assert judged({"inspect": seen, "study": study, **spent})["outcome"] == "fault"
