"""Faults in JSON annotations are told with the line of their entry, however the file is laid out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrobust.footage.labels.json_file import with_lines
from vidrobust.footage.records import Problem

plain = st.none() | st.integers() | st.text(max_size=4) | st.just('"[{,}]"')
nested = st.recursive(
    plain, lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=2), x, max_size=2)
)


KEY = st.from_regex(r"[a-z]\w{0,3}", fullmatch=True)
SPACES = st.sampled_from(["", " ", "\n", "\n  "])
CONTENT = st.dictionaries(KEY, st.lists(nested, max_size=3) | nested, max_size=4)


@given(CONTENT, SPACES, SPACES, st.sampled_from([None, 1]))
@settings(max_examples=100, deadline=None)
def test_each_entry_is_on_the_line_on_which_it_begins(tmp_path_factory, content, a, b, indent):
    """The file is put together piece by piece, with spaces anywhere, and lines are counted on the way."""
    text, wanted = f"{a}{{", {}
    for place, (key, value) in enumerate(content.items()):
        text += f"{b},{a}" if place else b
        wanted[key] = 1 + text.count("\n")
        text += f"{json.dumps(key)}{a}:{b}"
        if isinstance(value, list):
            text += "["
            for number, entry in enumerate(value):
                text += f"{a},{b}" if number else b
                wanted[f"{key}[{number}]"] = 1 + text.count("\n")
                text += json.dumps(entry, indent=indent)
            text += f"{a}]"
        else:
            text += json.dumps(value, indent=indent)
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(f"{text}{b}}}{a}", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == content
    summary = with_lines([Problem(path=path, column=column, what="x") for column in wanted])
    assert [problem.line for problem in summary] == list(wanted.values())


def test_what_is_below_an_entry_is_reported_by_the_entry_and_other_problems_stay(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": [],\n "annotations": [\n  {"bbox": 1},\n  {"bbox": 2}\n ]}')
    given = [
        Problem(path=path, column="annotations[1].bbox", what="x"),
        Problem(path=path, column="annotations[7]", what="not there"),
        Problem(path=tmp_path / "b.csv", column="label", line=3, what="y"),
    ]
    assert [p.line for p in with_lines(given)] == [4, 0, 3]
    assert str(with_lines(given)[0]) == f"{path}, line 4, column annotations[1].bbox: x"


@pytest.mark.parametrize(
    "name", ["mmtracking/demo_vis_data/ann.json", "imagenet-vid-robust_metadata/pmsets.json"]
)
def test_on_real_files(annotations, name):
    path = annotations / name
    lines = path.read_text().splitlines()
    content = json.loads(path.read_text())
    columns = list(content)[:50]
    for problem in with_lines([Problem(path=path, column=key, what="x") for key in columns]):
        assert json.dumps(problem.column) in lines[problem.line - 1]
