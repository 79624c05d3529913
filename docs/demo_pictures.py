"""Take the pictures of README.md from a finished run of the demo (``make demo-answer``): page one, and the player.

python docs/demo_pictures.py reports/demo
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
PAGE, PLAYER = DOCS / "page.png", DOCS / "player.gif"
SIZE = {"width": 1180, "height": 900}
FRAMES, FRAME_MS = 24, 160  # of the player, from six frames before its first moment on
WIDTH = 640  # of the moving picture, px


def take(run: Path) -> None:
    """Write both pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"],
        )
        page = browser.new_page(viewport=SIZE)
        page.goto((run / "report.html").resolve().as_uri())
        page.screenshot(path=str(PAGE))
        shots = [_player(page, key) for key in ["", *6 * ["ArrowLeft"], *FRAMES * ["ArrowRight"]]]
        browser.close()
    shown = shots[7:]
    shown[0].save(
        PLAYER, save_all=True, append_images=shown[1:], duration=FRAME_MS, loop=0, optimize=True
    )


def _player(page: Any, key: str) -> Image.Image:
    """Press a key and return the player above its line of flips."""
    if key:
        page.locator("[data-p=at]").focus()
        page.keyboard.press(key)
    box = page.locator("#player").bounding_box()
    bottom = page.locator("[data-p=key]").bounding_box()
    clip = {**box, "height": bottom["y"] + bottom["height"] - box["y"]}
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip, full_page=True)))
    size = WIDTH, round(picture.height * WIDTH / picture.width)
    return picture.convert("RGB").resize(size).quantize(64)


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/demo"))
