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
    needs = requirements(extra)
    return "pip install " + " ".join(
        f"'{spec}'" if re.search(r"[<>~! ]", spec) else spec for spec in needs or [extra]
    )


def requirements(extra: str) -> list[str]:
    """What an extra brings, extras that it names unfolded, as pip takes it."""
    return _unfolded(extra, _extras(), set())


def _unfolded(extra: str, extras: dict[str, list[str]], seen: set[str]) -> list[str]:
    seen.add(extra)
    listed: list[str] = []
    for spec in extras.get(extra, []):
        inner = re.fullmatch(r"vidrobust\[([^\]]*)\]", spec)
        if inner is None:
            listed.append(spec)
            continue
        names = [name.strip() for name in inner[1].split(",")]
        listed += [e for name in names if name not in seen for e in _unfolded(name, extras, seen)]
    return list(dict.fromkeys(listed))


def _extras() -> dict[str, list[str]]:
    """Requirements by extra: of the checkout that this file is in, else of the installed package."""
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.is_file():
        summary = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if summary.get("name") == "vidrobust":
            return {
                str(name): list(specs) for name, specs in summary["optional-dependencies"].items()
            }
    try:
        every = metadata.requires("vidrobust") or []
    except metadata.PackageNotFoundError:
        return {}
    by_extra: dict[str, list[str]] = {}
    for line in every:
        requirement, _, marker = line.partition(";")
        if named := re.search(r"extra\s*==\s*[\"']([^\"']+)[\"']", marker):
            of_machine = re.sub(r"(\s*and\s+)?extra\s*==\s*[\"'][^\"']+[\"']", "", marker).strip()
            plain = requirement.strip().replace(" ", "")
            by_extra.setdefault(named[1], []).append("; ".join(filter(None, (plain, of_machine))))
    return by_extra


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution, or of another build with the same modules, or None."""
    for name in (distribution, *_OTHER_BUILDS.get(distribution, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
