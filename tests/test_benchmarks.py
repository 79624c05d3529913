"""Benchmarks share one harness, say what they answer, and results that documents quote name their command."""

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from registry_pages import benchmarks

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
NOT_SCRIPTS = {"budgets", "harness", "line_kinds", "line_one_view", "plain_loop", "planted"}
"""What the scripts share, models that they use, and what ``make lint`` runs."""
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in NOT_SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_benchmark_uses_the_harness(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert "harness.run(main)" in text
    assert "harness.parser(__doc__)" in text
    assert "ArgumentParser(" not in text
    question = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert question.endswith((".", "?")), f"{name}: its docstring begins with what it answers"


def test_the_page_of_benchmarks_lists_each_script_with_what_it_answers():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*[.?]) \|$", benchmarks(), flags=re.MULTILINE))
    assert sorted(rows) == SCRIPTS


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_takes_from_the_package(path):
    """Most of them run for hours and are seldom run: a name that has gone would be met then only."""
    for taken in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(taken, ast.ImportFrom) and str(taken.module).startswith("vidrobust"):
            module = importlib.import_module(str(taken.module))
            for name in (alias.name for alias in taken.names):
                if not hasattr(module, name):
                    importlib.import_module(f"{taken.module}.{name}")


RESULTS = sorted((FOLDER / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_names_its_command_and_has_whole_rows(path):
    result = json.loads(path.read_text(encoding="utf-8"))
    for script in re.findall(r"benchmarks/\w+\.py", result.get("command", "")):
        assert (ROOT / script).is_file(), script
    for table in result["tables"]:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}, table["title"]


def test_a_result_is_json(tmp_path):
    script = tmp_path / "toss.py"
    script.write_text(
        '"""How often heads?"""\n'
        "import harness\n"
        "def main():\n"
        "    parser = harness.parser(__doc__)\n"
        "    parser.add_argument('--coins', type=int, default=2)\n"
        "    asked = parser.parse_args()\n"
        "    found = harness.table('coin', 'heads')\n"
        "    for coin in range(asked.coins):\n"
        "        found.row(coin, 0.25 * coin)\n"
        "harness.run(main)\n"
    )
    command = [sys.executable, str(script), "--coins", "3", "--json", str(tmp_path / "r.json")]
    how = {"capture_output": True, "text": True, "check": True}
    done = subprocess.run(command, env={"PYTHONPATH": f"{FOLDER}:{ROOT}"}, **how)
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["question"] == "How often heads?"
    assert result["arguments"] == {"coins": 3}
    rows = [[0, 0.0], [1, 0.25], [2, 0.5]]
    assert result["tables"] == [{"columns": ["coin", "heads"], "rows": rows}]
    assert result["lines"] == done.stdout.splitlines()


@pytest.mark.nightly
def test_the_gpu_script_runs_on_a_stand_in_and_says_what_it_skips(tmp_path):
    command = [sys.executable, str(FOLDER / "gpu.py"), "--out", str(tmp_path), "--stand-in"]
    command += ["--kinds", "h264", "--steps", "environment", "decoding", "tests", "memory", "study"]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": f"{FOLDER}:{ROOT}"}, check=True)
    contents = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    written = {name: content["result"] for name, content in contents.items()}
    assert [row["good"] for row in written.pop("study")] == [True, True, True]
    assert set(written) == {"environment", "decoding", "tests", "memory"}
    assert written["tests"] == written["memory"] == "skipped: no CUDA GPU here"
    rows = {(row["clip"], row["backend"]): row for row in written["decoding"]}
    assert {clip for clip, _ in rows} == {"h264", "rotated"}
    for clip in ("h264", "rotated"):
        row = rows[clip, "pyav"]
        assert (row["frames"], row["stamps"], row["good"]) == (40, True, True)
        assert "batches are copied to cuda:0" in row["where"]
