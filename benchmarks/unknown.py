"""Is what a network was never trained for found outside, and known footage not? On the simulated line.

    python benchmarks/unknown.py --out DIR [--parts 32] [--scenes 240] [--splits 40] [--page FILE]

Worlds: known parts against other known parts (the null: nothing lies outside); one dial at a time, where the
line's own classifier was trained with all dials at rest; a kind of part that a classifier, trained anew, has never
seen. Clips, weights and what the networks say of the frames stay in DIR, and a second call goes on from there.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pandas as pd
import torch
from harness import say
from scipy import special

from datasets.line_sim.fit import PartSamples, make_samples, train_classifier
from vidrobust.models.load import load_as_it_is
from vidrobust.models.network import NetworkClassifier
from vidrobust.plugins.line.model_kind import save
from vidrobust.plugins.line.parts import LABELS
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.plugins.unknown.auroc import auroc
from vidrobust.plugins.unknown.footage import ClipRequest, FrameReadouts, ask
from vidrobust.plugins.unknown.inside import probe_of, rows_of
from vidrobust.plugins.unknown.outside import MARGIN, MORE
from vidrobust.plugins.unknown.settings import ERROR, FLIP
from vidrobust.plugins.unknown.study import FrameEvents, ScoreResult, leading, study
from vidrobust.text.numbers import percent_with_interval, with_interval
from vidrobust.video.source import VideoSource, open_video

DIALS = ("light=0.8", "shadow=0.8", "hue=40", "focus=4", "noise=25", "dust=0.8")
RATE = 0.05
SEEDS = {"rest": 11, "dial": 211, "train": 311}


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What is in the file, or made and put there."""
    if not path.is_file():
        found = make()
        path.write_bytes(pickle.dumps(found))
    return pickle.loads(path.read_bytes())


def footage(
    out: Path, name: str, parts: int, seconds: float, seed: int, dials: Sequence[str]
) -> pd.DataFrame:
    """The manifest of a rendered pool, its paths made whole."""
    folder = out / name
    if not (folder / "manifest.csv").exists():
        render(RenderSettings(parts=parts, seconds=seconds, seed=seed, dials=tuple(dials)), folder)
    manifest = pd.read_csv(folder / "manifest.csv", dtype=str).fillna("")
    return manifest.assign(path=[str(folder / path) for path in manifest["path"]], pool=name)


def asked(manifest: pd.DataFrame, spec: str) -> FrameReadouts:
    """What a classifier says of every frame of these clips; the truth of each frame stands in its rows."""
    model = load_as_it_is(spec, device="cpu")
    assert isinstance(model, NetworkClassifier)

    def opened(path: str, item: str) -> AbstractContextManager[VideoSource]:
        return open_video(path, item=item)

    clips = [
        ClipRequest(
            item=f"{row.pool}/{row.item}",
            part=f"{row.pool}/{row.part}",
            frames=frozenset(range(1000)),
            opened=partial(opened, row.path, row.item),
        )
        for row in manifest.itertuples()
    ]
    found = ask({"m": probe_of(model)}, clips, lambda count: None)
    truth = manifest.assign(item=manifest["pool"] + "/" + manifest["item"])[
        ["item", "kind", "label"]
    ]
    return FrameReadouts(found.rows.merge(truth, on="item", how="left"), found.looked)


def some(pool: FrameReadouts, rows: np.ndarray) -> FrameReadouts:
    """Some of the frames."""
    return FrameReadouts(
        pool.rows[rows].reset_index(drop=True), {"m": rows_of(pool.looked["m"], rows)}
    )


def events(pool: FrameReadouts) -> FrameEvents:
    """The margin, flips against a neighbour, and answers of the wrong kind of part."""
    looked, rows = pool.looked["m"], pool.rows
    p = np.sort(special.softmax(looked.logits, axis=1), axis=1)
    change = (np.diff(looked.answer) != 0) & (
        rows["item"].to_numpy()[1:] == rows["item"].to_numpy()[:-1]
    )
    flip = np.zeros(len(rows))
    flip[:-1] += change
    flip[1:] += change
    said = [LABELS[k].removesuffix("-defect") for k in looked.answer]
    wrong = (rows["kind"].to_numpy() != np.array(said)).astype(float)
    return FrameEvents(p[:, -1] - p[:, -2], {FLIP: np.minimum(flip, 1.0), ERROR: wrong})


def studied(known: FrameReadouts, pool: FrameReadouts) -> list[ScoreResult]:
    """Every score of these frames against those that are known."""
    return study(known, pool, "m", {}, events(pool), RATE)


def null(pool: FrameReadouts, splits: int) -> None:
    """Half of the parts against the other half, again and again."""
    say("\n## Known parts against other known parts\n")
    parts = pool.rows["part"].to_numpy(str)
    names, rng = np.unique(parts), np.random.default_rng(0)
    found: dict[str, list[ScoreResult]] = {}
    for _ in range(splits):
        known = np.isin(parts, rng.permutation(names)[: len(names) // 2])
        for each in studied(some(pool, known), some(pool, ~known)):
            found.setdefault(each.score.name, []).append(each)
    say(f"{splits} splits of {len(names)} parts; {RATE:g} of known frames may be called unknown.\n")
    table = harness.table(
        *(
            "score",
            "of the other half outside",
            "of a held-out part outside",
            "its interval holds the allowed rate",
        ),
        *("called outside", "AUROC of flips surely not .5"),
    )
    for name, every in found.items():
        had = [each for each in every if each.outside is not None and each.known is not None]
        if not had:
            table.row(name, every[0].why, "", "", "", "")
            continue
        alarms = [each.known.false_alarms for each in had]
        links = [
            link
            for each in had
            for link in each.links
            if link.event == FLIP and link.given == MARGIN
        ]
        sure = [link.verdict in ("link", "reversed") for link in links]
        table.row(
            name,
            float(np.mean([each.outside.share.value for each in had])),
            float(np.mean([each.value for each in alarms])),
            f"{sum(a.low <= RATE <= a.high for a in alarms)} of {len(alarms)}",
            f"{sum(each.outside.verdict == MORE for each in had)} of {len(had)}",
            f"{sum(sure)} of {len(sure)}",
        )


def world(
    table: harness.Table, name: str, known: FrameReadouts, pool: FrameReadouts, unknown: np.ndarray
) -> str:
    """A row a score of footage of which some frames are unknown; the sentence's links of the leading score."""
    found = studied(known, pool)
    for each in found:
        if each.values is None or each.outside is None or each.known is None:
            table.row(name, each.score.name, each.why, "", "", "", "")
            continue
        held_out = each.known.held_out
        of_known = np.concatenate([held_out, each.values[~unknown]])
        scores = np.concatenate([of_known, each.values[unknown]])
        truth = np.arange(len(scores)) >= len(of_known)
        above = each.outside.above
        table.row(
            name,
            each.score.name,
            auroc(scores, truth),
            float(above[unknown].mean()),
            "" if unknown.all() else f"{above[~unknown].mean():.3f}",
            percent_with_interval(
                each.outside.share.value, each.outside.share.low, each.outside.share.high
            ),
            each.outside.verdict,
        )
    first = leading(found)
    return "" if first is None else "; ".join(_link(link) for link in first.links)


def _link(link: Any) -> str:
    value = with_interval(link.auroc.value, link.auroc.low, link.auroc.high)
    return f"{link.event}{' at equal margin' if link.given else ''} {value} ({link.verdict})"


def worlds(
    rest: FrameReadouts, dials: dict[str, FrameReadouts], left_out: FrameReadouts, kind: str
) -> None:
    """Footage that lies outside, by dial and by kind of part."""
    say("\n## Footage that the network was not trained for\n")
    table = harness.table(
        *("world", "score", "AUROC of unknown against known frames", "of unknown frames outside"),
        *("of known frames in the footage outside", "share of the footage", "verdict"),
    )
    said = {}
    for dial, pool in dials.items():
        said[dial] = world(table, dial, rest, pool, np.ones(len(pool.rows), bool))
    unknown = left_out.rows["kind"].to_numpy(str) == kind
    parts = left_out.rows["part"].to_numpy(str)
    known = np.isin(parts, np.unique(parts[~unknown])[::2])
    own = some(left_out, ~known)
    said[f"no {kind}"] = world(table, f"no {kind}", some(left_out, known), own, unknown[~known])
    say(
        "\n## Is it unstable, and wrong, where it does not know the footage? By the leading score\n"
    )
    for name, links in said.items():
        say(f"* {name}: {links}")


def weights_without(out: Path, kind: str, scenes: int) -> Path:
    """Weights of a classifier trained on scenes without this kind of part."""
    path = out / f"without_{kind}.pt"
    if not path.is_file():
        every = make_samples(scenes, SEEDS["train"], 2)
        names = np.array(LABELS)[every.labels.numpy()]
        keep = torch.from_numpy(np.flatnonzero([not name.startswith(kind) for name in names]))
        boxes = [every.boxes[k] for k in keep.tolist()]
        save(
            train_classifier(
                PartSamples(every.small[keep], every.large[keep], every.labels[keep], boxes), 1
            ),
            path,
        )
    return path


def main() -> None:
    """Print the null, the worlds, and what it cost."""
    parser = harness.parser(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--scenes", type=int, default=240)
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--kind", default="bottle")
    given = parser.parse_args()
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    manifest = footage(out, "rest", given.parts, given.seconds, SEEDS["rest"], ())
    rest = kept(out / "rest.pickle", lambda: asked(manifest, "line-classifier"))
    if time.process_time() - began > 1:
        say(
            f"{len(rest.rows)} frames: {time.process_time() - began:.0f} s of processor time, rendering included"
        )
    null(rest, given.splits)
    dials = {}
    for number, dial in enumerate(DIALS):
        of_dial = footage(out, f"dial{number}", 8, given.seconds, SEEDS["dial"] + number, (dial,))
        dials[dial] = kept(out / f"dial{number}.pickle", partial(asked, of_dial, "line-classifier"))
    weights = weights_without(out, given.kind, given.scenes)
    spec = f"line-classifier,weights={weights}"
    left_out = kept(out / f"without_{given.kind}.pickle", lambda: asked(manifest, spec))
    known_kinds = events(some(left_out, (left_out.rows["kind"] != given.kind).to_numpy()))
    wrong = known_kinds.happens[ERROR].mean()
    say(
        f"\nThe classifier without {given.kind} says the wrong kind on {wrong:.3f} of frames of known kinds."
    )
    worlds(rest, dials, left_out, given.kind)


if __name__ == "__main__":
    harness.run(main)
