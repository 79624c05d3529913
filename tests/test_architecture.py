"""A module imports only from the stages above its own, always from the defining module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "vidrobust"
FLOORS = [
    {"text"},
    {"errors"},
    {"predictions", "files", "statistics", "extensions", "install_hint"},
    {"tables", "frames"},
    {"footage"},
    {"line_sim"},
    {"video", "models", "perturb"},
    {"changes"},
    {"metrics"},
    {"protocols", "repeatability"},
    {"run_folder"},
    {"pipeline"},
    {"report"},
    {"stages"},
    {"finished_runs"},
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
        if own == "__init__" or name in ("vidrobust.__version__",) or other == own:
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
