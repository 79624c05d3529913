"""How to install what an extra brings, in words that work from a checkout and from a wheel alike.

The package stands on no index, so that "vidrobust[onnx]" could not be found; its requirements can.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

_OTHER_BUILDS = {
    "decord": ("decord2",),  # for processors of ARM
    "decord2": ("decord",),
    "onnxruntime": ("onnxruntime-gpu",),
    "opencv-python-headless": (
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
}


def pip_install(extra: str) -> str:
    """ "pip install 'onnxruntime>=1.18' 'onnx>=1.16'", from the requirements of the extra.

    Of an unknown extra, or where nothing is known of the package, its name alone.
    """
    found = requirements(extra)
    return "pip install " + " ".join(
        f"'{each}'" if re.search(r"[<>~! ]", each) else each for each in found or [extra]
    )


def requirements(extra: str) -> list[str]:
    """What an extra brings, extras that it names unfolded, as pip takes it."""
    return _unfolded(extra, _extras(), set())


def _unfolded(extra: str, extras: dict[str, list[str]], seen: set[str]) -> list[str]:
    seen.add(extra)
    found: list[str] = []
    for each in extras.get(extra, []):
        inner = re.fullmatch(r"vidrobust\[([^\]]*)\]", each)
        if inner is None:
            found.append(each)
            continue
        names = [name.strip() for name in inner[1].split(",")]
        found += [e for name in names if name not in seen for e in _unfolded(name, extras, seen)]
    return list(dict.fromkeys(found))


def _extras() -> dict[str, list[str]]:
    """Requirements by extra: of the checkout that this file is in, else of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        summary = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if summary.get("name") == "vidrobust":
            return {
                str(name): list(each) for name, each in summary["optional-dependencies"].items()
            }
    try:
        every = metadata.requires("vidrobust") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    for each in every:
        requirement, _, marker = each.partition(";")
        if named := re.search(r"extra\s*==\s*[\"']([^\"']+)[\"']", marker):
            of_machine = re.sub(r"(\s*and\s+)?extra\s*==\s*[\"'][^\"']+[\"']", "", marker).strip()
            plain = requirement.strip().replace(" ", "")
            found.setdefault(named[1], []).append("; ".join(filter(None, (plain, of_machine))))
    return found


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution, or of another build with the same modules, or None."""
    for name in (distribution, *_OTHER_BUILDS.get(distribution, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
