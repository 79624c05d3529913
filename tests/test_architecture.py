"""A module imports only from the stages above its own, always from the defining module."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "vidrobust"
FLOORS = [
    {"text", "version"},
    {"errors"},
    {"shapes"},
    {"predictions", "files", "statistics", "extensions", "install_hint"},
    {"tables", "frames"},
    {"footage"},
    {"line_sim"},
    {"video", "perturb"},
    {"frame_pairs"},
    {"models"},
    {"metrics"},
    {"protocols", "repeatability"},
    {"run_folder"},
    {"pipeline"},
    {"report"},
    {"stages"},
    {"finished_runs", "adapt"},
    {"api"},
    {"cli"},
]
TORCH_FREE = (
    "tables.schema",
    "frames.device",
    "frames.batch",
    "predictions",
    "statistics.intervals",
    "footage.expand",
    "stages.report.page",
    "line_sim.render",
)
RANK = {name: rank for rank, floor in enumerate(FLOORS) for name in floor}


def imports(path: Path) -> set[str]:
    """Every vidrobust module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vidrobust":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "vidrobust"}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports(path):
        other = name.split(".")[1]
        if own in ("__init__", "__main__") or name in ("vidrobust.__version__",) or other == own:
            continue
        assert other in RANK, f"{own} imports {name} from the package root, not from the defining module"
        same_level_files = RANK[other] == RANK[own] and not (ROOT / other).is_dir()
        assert RANK[other] < RANK[own] or same_level_files, f"{own} imports {name}, a stage below it"


@pytest.mark.parametrize("name", ["vidrobust", *(f"vidrobust.{n}" for n in TORCH_FREE)])
def test_what_needs_no_torch_does_not_import_it(name: str) -> None:
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys\nfrom vidrobust.cli.app import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_public_names_exist() -> None:
    import vidrobust

    assert len(vidrobust.__all__) == len(set(vidrobust.__all__))
    for name in vidrobust.__all__:
        assert getattr(vidrobust, name) is not None


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Wherever the import stands: within a function, or for type checkers alone."""
    known = modules()
    graph = {}
    for name, path in known.items():
        taken = {each if each in known else each.rpartition(".")[0] for each in imports(path)}
        graph[name] = {each for each in taken if each in known and each != name}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


LARGEST_FOLDER = 4500


@pytest.mark.parametrize("folder", sorted({path.parent for path in ROOT.rglob("*.py")}), ids=str)
def test_no_folder_is_too_large_to_know(folder: Path) -> None:
    """Lines of the modules that lie in it; its folders are counted by themselves."""
    assert sum(len(path.read_text().splitlines()) for path in folder.glob("*.py")) <= LARGEST_FOLDER


def test_the_engine_knows_no_stage_and_calls_nothing_by_a_string() -> None:
    for path in (ROOT / "pipeline").rglob("*.py"):
        assert not {name for name in imports(path) if name.startswith("vidrobust.stages")}, path
        assert "import_module" not in path.read_text(), path


def test_no_private_name_crosses_a_module() -> None:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vidrobust"):
                private = [
                    a.name for a in node.names if a.name.startswith("_") and not a.name.startswith("__")
                ]
                assert not private, f"{path}: {private} of {node.module}"


def test_the_version_is_that_of_the_distribution() -> None:
    from vidrobust.version import VERSION

    assert tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]["version"] == VERSION


def drawing() -> str:
    """The floors as Mermaid: who imports whom, without the arrows that a longer way implies."""
    graph: dict[str, set[str]] = {name: set() for floor in FLOORS for name in floor}
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if own in graph:
            graph[own] |= {each.split(".")[1] for each in imports(path)} & set(graph) - {own}

    def reached(name: str) -> set[str]:
        return {name}.union(*(reached(each) for each in graph[name]))

    lines = ["```mermaid", "flowchart TD"]
    for floor in reversed(FLOORS):
        for name in sorted(floor):
            direct = graph[name]
            implied = {other for each in direct for other in reached(each) - {each}}
            lines += [f"    {name} --> {each}" for each in sorted(direct - implied)]
    return "\n".join([*lines, "```"])


def test_the_drawing_of_the_floors_is_that_of_the_code() -> None:
    """``python -m tests.test_architecture`` draws it anew."""
    assert drawing() in (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")


if __name__ == "__main__":
    page = ROOT.parent / "docs" / "architecture.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("```mermaid")
    page.write_text(before + drawing() + rest.partition("```")[2], encoding="utf-8")
