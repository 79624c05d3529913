"""What the pages of a run cost: processor seconds to write them, and seconds until a browser has opened them.

    python benchmarks/page_speed.py RUN [--repeats 5]

Both pages are written into the run folder anew. Chromium then opens each from its file, `details.html` also with
every section open. Columns: megabytes; seconds from the request until the first screen is painted, and processor
seconds of the page's main thread until then (scripts, styles, layout), medians; height of the page, px.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import harness

from vidrobust.report.pages import PROGRAMS

OPEN_ALL = "document.querySelectorAll('details').forEach(d => { d.open = true }); document.body.offsetHeight"


class Browser:
    """A headless Chromium, spoken to over pipes in its debugging protocol."""

    def __init__(self, profile: str) -> None:
        program = next(found for name in PROGRAMS if (found := shutil.which(name)))
        (read, self.out), (self.into, write) = os.pipe(), os.pipe()

        def place() -> None:  # the protocol's pipes are 3 and 4 there
            os.dup2(read, 63), os.dup2(write, 64), os.dup2(63, 3), os.dup2(64, 4)

        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--no-sandbox",
            "--remote-debugging-pipe",
        ]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}"],
            close_fds=False,
            preexec_fn=place,
            stderr=subprocess.DEVNULL,
        )
        self.numbers, self.session, self.left = itertools.count(1), "", b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Performance.enable", timeDomain="threadTicks")

    def ask(self, method: str, **parameters: Any) -> Any:
        number = next(self.numbers)
        order: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.out, json.dumps(order).encode() + b"\0")
        return self.until(lambda said: said.get("id") == number)["result"]

    def until(self, wanted: Any) -> Any:
        while True:
            while b"\0" not in self.left:
                self.left += os.read(self.into, 1 << 16)
            said, _, self.left = self.left.partition(b"\0")
            if wanted(found := json.loads(said)):
                return found

    def task_s(self) -> float:
        return {m["name"]: m["value"] for m in self.ask("Performance.getMetrics")["metrics"]}[
            "TaskDuration"
        ]

    def value(self, script: str) -> Any:
        return self.ask("Runtime.evaluate", expression=script)["result"].get("value")

    def opened(self, page: Path, *, unfold: bool) -> tuple[float, float, float]:
        """Return seconds until the first screen is painted, processor seconds until then, and the height in px."""
        self.ask("Page.navigate", url="about:blank")
        self.until(lambda said: said.get("method") == "Page.loadEventFired")
        busy, began = self.task_s(), time.perf_counter()
        self.ask("Page.navigate", url=page.resolve().as_uri())
        self.until(lambda said: said.get("method") == "Page.loadEventFired")
        if unfold:
            self.value(OPEN_ALL)
        self.ask("Page.captureScreenshot")  # what is on the screen is painted
        took = time.perf_counter() - began
        return took, self.task_s() - busy, self.value("document.documentElement.scrollHeight")


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="Open the pages as they are.")
    asked = parser.parse_args()
    if not asked.keep:
        from vidrobust.stages.report.page import write_report

        began = time.process_time()
        write_report(asked.run)
        harness.say(f"both pages written in {time.process_time() - began:.2f} s of processor")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        for name, unfold in (
            ("report.html", False),
            ("details.html", False),
            ("details.html", True),
        ):
            page = asked.run / name
            found = [browser.opened(page, unfold=unfold) for _ in range(asked.repeats)]
            took, busy, height = (median(column) for column in zip(*found, strict=True))
            what = f"{name}, all open" if unfold else name
            size = page.stat().st_size / 1e6
            harness.say(
                f"{what:24} {size:5.1f} MB {took:6.2f} s {busy:6.2f} s of processor {height:7.0f} px"
            )
        browser.process.terminate()
        browser.process.wait()


if __name__ == "__main__":
    harness.run(main)
