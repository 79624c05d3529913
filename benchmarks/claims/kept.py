"""Experiments that are kept in files: made once, and again only where what they depend on has changed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text, plain


@dataclass
class Kept:
    """Experiments in a folder, none of which is begun after the time is up.

    seconds  that may pass before the last one is begun; waiting: names of those that were not begun
    only     how the names of those begin that may be begun; empty: all
    """

    folder: Path
    seconds: float
    only: tuple[str, ...] = ()
    begun: float = field(default_factory=time.monotonic)
    waiting: list[str] = field(default_factory=list)

    def get(self, name: str, asked: Any, make: Callable[[], Any]) -> Any | None:
        """What ``make`` gives, as plain values, from the file NAME.json if it was asked the same; None: no time.

        asked  plain values on which the result depends
        """
        key = hashlib.sha256(json.dumps(plain(asked), sort_keys=True).encode()).hexdigest()[:16]
        path = self.folder / f"{name}.json"
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["key"] == key:
                return found["found"]
        if time.monotonic() - self.begun > self.seconds or (
            self.only and not name.startswith(self.only)
        ):
            self.waiting.append(name)
            return None
        begin = time.process_time()
        made = {"key": key, "found": plain(make()), "processor_s": time.process_time() - begin}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json_text(made))
        return json.loads(path.read_text(encoding="utf-8"))["found"]

    def processor_s(self) -> float:
        """Seconds of processor time that all kept experiments took."""
        return sum(
            json.loads(p.read_text(encoding="utf-8"))["processor_s"]
            for p in self.folder.glob("*.json")
        )
