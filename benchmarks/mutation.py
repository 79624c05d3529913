"""How many planted faults does the suite of tests find?

    python -m pytest --cov=vidrobust --cov-context=test --cov-report=   # once: which tests cover a line
    python benchmarks/mutation.py [--mutants 120] [--seed 0] [--packages metrics statistics ...]
                                  [--checkout ../older] [--limit-s 300]

Draws lines of the packages that decide about numbers, by a seed, and on each line one mutant of Cosmic Ray's. Mutants
that differ in annotations alone are no faults and are drawn again. The tests that cover the line run against the
mutant until one fails, the shortest files first, for at most ``--limit-s`` seconds: a mutant that nothing has killed
by then counts as alive. ``--checkout`` takes tests and their coverage from another checkout of the same code.
"""

from __future__ import annotations

import ast
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage
import harness
import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.plugins import get_operator, operator_names
from harness import say

ROOT = Path(__file__).parents[1]
PACKAGES = ("stages/causes", "metrics", "statistics", "pipeline", "run_folder")
LEFT_OUT = re.compile("NoOp|RemoveDecorator|Variable")
"""Operators that change nothing, change how functions are registered, or insert random names."""
OPERATORS = [name for name in operator_names() if not LEFT_OUT.search(name)]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A file of the package with one fault."""

    file: str
    line: int
    operator: str
    text: str

    @property
    def package(self) -> str:
        """The folder that it was drawn from."""
        return next(name for name in PACKAGES if self.file.startswith(f"vidrobust/{name}/"))


def mutant_of(file: str, source: str, line: int) -> Mutant | None:
    """Draw one of the mutants of a line."""
    nodes = list(ast_nodes(parso.parse(source)))
    places = [
        (number, name, index)
        for number, node in enumerate(nodes)
        if node.start_pos[0] <= line <= node.end_pos[0]
        for name in OPERATORS
        for index, (start, _) in enumerate(get_operator(name)().mutation_positions(node))
        if start[0] == line
    ]
    random.shuffle(places)
    for number, name, index in places:
        tree = parso.parse(source)
        node = list(ast_nodes(tree))[number]
        parent = node.parent
        changed = get_operator(name)().mutate(node, index)
        if changed is not node and parent is not None:
            parent.children[parent.children.index(node)] = changed
        text = tree.get_code()
        if _meaning(text) not in ("", _meaning(source)):
            return Mutant(file=file, line=line, operator=name, text=text)
    return None


def _meaning(source: str) -> str:
    """The code without annotations and marks between parameters; nothing of what is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            node.annotation = ast.Constant(0)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arguments):
            node.args, node.posonlyargs = [*node.posonlyargs, *node.args, *node.kwonlyargs], []
            node.defaults, node.kwonlyargs, node.kw_defaults = (
                [*node.defaults, *node.kw_defaults],
                [],
                [],
            )
    return ast.dump(tree)


def drawn(count: int, seed: int, packages: Sequence[str]) -> list[Mutant]:
    """Draw mutants, at most one a line."""
    random.seed(seed)
    places = [
        (str(path.relative_to(ROOT)), line)
        for name in packages
        for path in sorted((ROOT / "vidrobust" / name).rglob("*.py"))
        for line in range(1, path.read_text().count("\n") + 1)
    ]
    random.shuffle(places)
    found: list[Mutant] = []
    for file, line in places:
        if len(found) == count:
            break
        mutant = mutant_of(file, (ROOT / file).read_text(), line)
        if mutant is not None:
            found.append(mutant)
    return found


def copied(checkout: Path, to: Path) -> Path:
    """Copy the files that git knows: code of this checkout, all else of the given one."""
    tree = to / "checkout"
    for root, own in ((checkout, False), (ROOT, True)):
        listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=root, text=True)
        for name in filter(None, listed.split("\0")):
            if name.startswith("vidrobust/") == own and (root / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, tree / name)
    if (ROOT.parent / "shared").exists():
        (to / "shared").symlink_to((ROOT.parent / "shared").resolve())
    return tree


def covering(data: coverage.CoverageData, checkout: Path, mutant: Mutant) -> list[str]:
    """Return the tests that run a line, those of files with few tests on it last.

    Of a line that runs at import alone, a constant or a declaration, those that run any line of its file.
    """
    by_line = data.contexts_by_lineno(str(checkout / mutant.file))
    contexts = by_line.get(mutant.line, [])
    if contexts == [""]:
        contexts = [name for names in by_line.values() for name in names]
    tests = {name.partition("|")[0] for name in contexts} - {""}
    files = Counter(test.partition("::")[0] for test in tests)
    return sorted(tests, key=lambda test: (-files[test.partition("::")[0]], test))


def is_killed(tree: Path, mutant: Mutant, tests: Sequence[str], limit_s: float) -> bool:
    """Run the tests against the mutant; one that takes too long is alive."""
    path = tree / mutant.file
    whole = path.read_text()
    path.write_text(mutant.text)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=limit_s)
        # a mutant that cannot even be imported ends pytest as a wrong command does
        assert "not found: " not in ended.stderr, "the coverage is of other tests"
        return ended.returncode > 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(whole)


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--mutants", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--checkout", type=Path, default=ROOT, help="where tests and .coverage are")
    parser.add_argument("--limit-s", type=float, default=300.0, help="for the tests of a mutant")
    asked = parser.parse_args()
    checkout = asked.checkout.resolve()
    data = coverage.CoverageData(str(checkout / ".coverage"))
    data.read()
    table = harness.table("package", "line", "operator", "tests", "killed")
    killed = Counter[str]()
    mutants = drawn(asked.mutants, asked.seed, asked.packages)
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(checkout, Path(folder))
        for mutant in mutants:
            tests = covering(data, checkout, mutant)
            dead = bool(tests) and is_killed(tree, mutant, tests, asked.limit_s)
            killed[mutant.package] += dead
            place = f"{mutant.file.removeprefix('vidrobust/')}:{mutant.line}"
            table.row(mutant.package, place, mutant.operator.partition("/")[2], len(tests), dead)
    say(f"{sum(killed.values())} of {len(mutants)} mutants killed")


harness.run(main)
