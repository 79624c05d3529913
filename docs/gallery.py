"""Study six public clips, and write docs/gallery.md: what the eye saw, what the page says, and whether they agree.

    python docs/gallery.py CORPUS MODELS [RUNS]

CORPUS and MODELS are the folders that ``docs/gallery.toml`` names files of; RUNS (``reports/gallery``) holds the run
folders, which are continued. The sentences by eye were written before any run.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report import why
from vidrobust.stages.report.finding import finding
from vidrobust.stages.report.page import shared_content
from vidrobust.text.numbers import part_with_interval
from vidrobust.text.phrases import capital

DOCS = Path(__file__).parent
PICTURES = DOCS / "gallery"
# few frames for the sensitivity, which is not shown here
STUDY = ("--frames", "6", "--pairs", "24")
WIDTH = 240  # of the moving pictures, px
SHOTS, SHOT_MS = 18, 250  # pictures of each, and how long one is shown
YES, NO, UNSAID = "yes", "no", "not said"


@dataclass(frozen=True)
class Compared:
    """One clip: what the page says of it, and whether that is what the eye saw."""

    clip: dict[str, Any]
    finding: str
    group: str
    where: str
    when: str
    agrees: tuple[str, str, str]  # what, where, when


def main(corpus: Path, models: Path, runs: Path) -> None:
    """Study the clips and write the page with its pictures."""
    clips = tomllib.loads((DOCS / "gallery.toml").read_text(encoding="utf-8"))["clips"]
    PICTURES.mkdir(exist_ok=True)
    every = []
    for clip in clips:
        run = runs / clip["name"]
        _study(clip, corpus, models, run)
        every.append(compared(clip, RunTables(run)))
        if clip["pictures"]:
            _take(clip["name"], run)
    (DOCS / "gallery.md").write_text(written(every), encoding="utf-8")


def _study(clip: dict[str, Any], corpus: Path, models: Path, run: Path) -> None:
    window = [f"--{side}-s={clip[f'{side}_s']}" for side in ("start", "end") if f"{side}_s" in clip]
    model = f"onnx:{models / clip['model']}"
    command = [sys.executable, "-m", "vidrobust"]
    study = [
        "study",
        str(corpus / clip["path"]),
        "--model",
        model,
        *window,
        *STUDY,
        "--out",
        str(run),
    ]
    subprocess.run([*command, *study], check=True)
    if not (run / "exports" / "worst.gif").is_file():
        export = ["export", str(run), "--to", "clip", "--out", str(run / "exports")]
        subprocess.run([*command, *export], check=True)


def compared(clip: dict[str, Any], run: RunTables) -> Compared:
    """Read a finished run, and hold it against the sentences by eye."""
    (model,) = run.tasks
    shared = shared_content(run)
    groups = why.groups(run, model, next(iter(run.tasks[model].accounts)))
    group, what = "too few pairs", UNSAID
    if len(groups):
        row = groups.iloc[0]
        name = why.NAMES.get(str(row["cause"]), str(row["cause"]))
        group = f"{name}, {part_with_interval(row['share'], row['low'], row['high'])}"
        if row["low"] > why.LEAST_SHARE:
            what = YES if row["cause"] == clip["group"] else NO
    place = why.place_map(run, model)
    where, there = "no map", UNSAID
    if place is not None:
        x1, y1, x2, y2 = clip["box"]
        x, y = (place.tile[0] + place.tile[2]) / 2, (place.tile[1] + place.tile[3]) / 2
        where, there = place.where, YES if x1 <= x < x2 and y1 <= y < y2 else NO
    moments = [
        moment
        for name in ("moments.json", "box_moments.json")
        for moment in run.json(name).get("moments", [])
    ]
    when, then = "no worst moment", UNSAID
    if moments:
        worst = moments[0]
        words = worst.get("what") or f"{worst['label_a']} becomes {worst['label_b']}"
        when = f"{worst['time_b_s']:.2f} s: {words}"
        inside = any(a <= worst["time_b_s"] <= b for a, b in clip["times"])
        then = YES if inside else NO
    title = finding(run, shared["answer"], shared["cards"])
    return Compared(clip, title, group, where, when, (what, there, then))


def _take(name: str, run: Path) -> None:
    """Copy the map and a small version of the clip to send."""
    if (run / "where.png").is_file():
        Image.open(run / "where.png").convert("RGB").resize(
            (WIDTH, _height(run / "where.png"))
        ).save(PICTURES / f"{name}-where.jpg", quality=80)
    clip = Image.open(run / "exports" / "worst.gif")
    frames = [each.convert("RGB") for each in ImageSequence.Iterator(clip)]
    size = WIDTH, _height(run / "exports" / "worst.gif")
    chosen = [frames[round(k * (len(frames) - 1) / (SHOTS - 1))] for k in range(SHOTS)]
    small = [each.resize(size).quantize(64) for each in chosen]
    small[0].save(
        PICTURES / f"{name}-worst.gif",
        save_all=True,
        append_images=small[1:],
        duration=SHOT_MS,
        loop=0,
        optimize=True,
    )


def _height(path: Path) -> int:
    width, height = Image.open(path).size
    return round(height * WIDTH / width)


def written(every: list[Compared]) -> str:
    """Return the page as Markdown."""
    counts = [
        [sum(each.agrees[k] == word for each in every) for word in (YES, NO, UNSAID)]
        for k in range(3)
    ]
    lines = [
        "# Six public clips, by eye and by vidrobust",
        "",
        "The sentences by eye were committed before `python docs/gallery.py CORPUS MODELS` ran. The page agrees if its",
        "largest group, the largest tile of its map and its worst moment are those seen. The eye judges the picture,",
        "the page the model: both may be right and differ.",
        "",
        "| clip | what | where | when |",
        "|---|---|---|---|",
        *(
            f"| [{each.clip['title']}](#{_anchor(each)}) | {' | '.join(each.agrees)} |"
            for each in every
        ),
        "| agreements of 6 | " + " | ".join(str(count[0]) for count in counts) + " |",
        "",
        *(line for each in every for line in _section(each)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _anchor(each: Compared) -> str:
    return each.clip["title"].lower().replace(",", "").replace(" ", "-")


def _section(each: Compared) -> list[str]:
    clip = each.clip
    name = clip["name"]
    pictures = [
        f"![Map of {clip['title']}](gallery/{name}-where.jpg)",
        f"![The worst moments of {clip['title']}](gallery/{name}-worst.gif)",
    ]
    shown = [line for line in pictures if (DOCS / line.split("(")[1][:-1]).is_file()]
    return [
        f"## {clip['title']}",
        "",
        f"By eye: {clip['what']} {clip['where']} {clip['when']}",
        "",
        f"The page: *{each.finding}.* {capital(each.group)}; {each.where}; worst at {each.when}.",
        "",
        *([*shown, ""] if clip["pictures"] else []),
        f"{clip['model'].removesuffix('.onnx')}; {clip['credit']}",
        "",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path((*sys.argv[3:], "reports/gallery")[0]))
