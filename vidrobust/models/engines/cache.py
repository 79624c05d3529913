"""What is worked out once for a network on this machine: exports, and which engine is fastest.

In ``VIDROBUST_CACHE``, else in the user's cache folder. Everything in it can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import parsed_json

VARIABLE = "VIDROBUST_CACHE"


def cache_folder() -> Path:
    """``VIDROBUST_CACHE``, or the place for caches of this system."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "vidrobust" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "vidrobust"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "vidrobust"


def key_of(parts: Mapping[str, object]) -> str:
    """A file name for something made from these parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def recall(key: str) -> dict[str, Any] | None:
    """What was remembered under a key, or None where there is nothing that can be read."""
    try:
        found = parsed_json((cache_folder() / "choices" / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remember(key: str, what: Mapping[str, Any]) -> bool:
    """Keep something under a key; False where the folder cannot be written."""
    path = cache_folder() / "choices" / f"{key}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(what, indent=1))
    except OSError:
        return False
    return True


def made_once(key: str, name: str, make: Callable[[Path], None]) -> Path:
    """The file ``name`` in a folder of its own, made by ``make`` where it is not there yet.

    Made beside and renamed, so that a killed process leaves nothing that looks whole. Raises OSError where
    the folder cannot be written, and what ``make`` raises.
    """
    folder = cache_folder() / "networks" / key
    if not (folder / name).is_file():
        beside = folder.with_name(f"{key}.{os.getpid()}.part")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            make(beside / name)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(beside, folder)
        except OSError:
            if not (folder / name).is_file():  # another process was not faster
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder / name
