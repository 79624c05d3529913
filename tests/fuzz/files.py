"""Damaged files that are no videos, through the functions that read them.

``python -m tests.fuzz.files --seed K`` damages annotations, predictions, detections, manifests, sidecars,
settings, policies and the files of run folders, 1,120 of them, and prints the table of docs/reliability.md. A
reader may return, or raise one of vidrobust's errors; any other exception, and more than TIME_LIMIT_S, is a fault.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.api.run import load_run
from vidrobust.errors import VidrobustError
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.labels.formats import read_labels
from vidrobust.models.load import load_model
from vidrobust.models.sidecar import read_sidecar
from vidrobust.run_folder.settings import read_toml
from vidrobust.stages.policy.policy import Policy

TIME_LIMIT_S = 20.0
"""A sound file takes a hundredth of this."""
PIECES = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b'"',
        b",",
        b"\n",
        b"\r",
        b";",
        b"\t",
        b"-1",
        b"0",
        b"NaN",
        b"1e999",
    ),
    *(
        b"inf",
        b"90 %",
        b"null",
        b"{}",
        b"[]",
        b"[" * 5000,
        b"9" * 400,
        b"../../x",
        b"\xc3\x28",
        b"true",
        b"\x1b[31m",
    ),
)
"""What is put in place of a stretch: separators, extremes, other types, deep nesting, no text."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file: its seeds, by file name, and what reads one.

    The first file of a seed is damaged, the others lie beside it.
    """

    name: str
    seeds: tuple[dict[str, str | bytes], ...]
    read: Callable[[Path], object]


FRAMES = "".join(f"{n},{'good' if n % 3 else 'bad'},0.{n + 5}\n" for n in range(4))
BOXES = "".join(f"{n},{n % 2},0.9,{n},2,30,40\n" for n in range(4))
COCO = {
    "videos": [{"id": 1, "name": "clip", "width": 64, "height": 48}],
    "images": [{"id": n, "video_id": 1, "frame_id": n, "file_name": f"clip/{n}.jpg"} for n in range(3)],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {"id": n, "image_id": n, "video_id": 1, "category_id": 1, "instance_id": 1, "bbox": [1, 2, 3, 4]}
        for n in range(3)
    ],
}
RESULTS = [{"image_id": n, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5} for n in range(3)]
CVAT = (
    '<annotations><meta><task><size>3</size></task></meta><track id="0" label="car"><box frame="0" outside="0" '
    'occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/></track></annotations>'
)
SIDECAR = 'size = 224\nresize_to = 256\ncrop = 0.875\ninterpolation = "bilinear"\nmean = [0.5, 0.5, 0.5]\n'
SIDECAR += 'std = [0.5, 0.5, 0.5]\nchannels = "RGB"\nclasses = ["a", "b"]\n'
KITTI = "0 1 Car 0 0 -1.5 10 20 30 40 1 1 1 0 0 0 0\n1 1 Car 0 0 -1.5 11 20 31 40 1 1 1 0 0 0 0\n"
YTBB = (
    "AAAAAAAAAAA,0,0,person,0,present,0.1,0.5,0.2,0.6\nAAAAAAAAAAA,1000,0,person,0,present,0.1,0.5,0.2,0.6\n"
)


def _parquet(text: str) -> bytes:
    target = BytesIO()
    pd.read_csv(StringIO(text)).to_parquet(target)
    return target.getvalue()


def kinds(run_folder: Path) -> list[Kind]:
    """Every kind; ``run_folder`` is a small finished run whose files are damaged in turn."""
    labelled, boxed = "frame,label,probability\n" + FRAMES, "frame,label,score,x1,y1,x2,y2\n" + BOXES
    manifest = "path,part,pass,station,label,start_s,end_s\na.mp4,1,1,left,good,0,1\na.mp4,2,1,left,bad,,\n"
    entries = [{"path": "a.mp4", "label": "good"}]
    whole = {p.name: p.read_bytes() for p in sorted(run_folder.iterdir()) if p.is_file()}
    damaged = [name for name in whole if name.endswith((".json", ".parquet", ".toml"))]
    return [
        Kind(
            name="annotations",
            seeds=(
                {"gt.txt": "1,1,10,20,30,40,1,1,1\n2,1,11,20,30,40,1,1,1\n"},
                {"0000.txt": KITTI},
                {"coco.json": json.dumps(COCO)},
                {"annotations.xml": CVAT},
                {"ytbb.csv": YTBB},
            ),
            read=read_labels,
        ),
        Kind(
            name="predictions",
            seeds=(
                {"a.csv": labelled},
                {"a.csv": "frame,good,bad\n0,0.25,0.75\n1,0.5,0.5\n"},
                {"a.parquet": _parquet(labelled)},
            ),
            read=lambda path: load_model(f"predictions:{path}", device="cpu"),
        ),
        Kind(
            name="detections",
            seeds=(
                {"a.csv": boxed},
                {"a.json": json.dumps(RESULTS)},
                {"a.txt": "1,1,10,20,30,40,0.9,-1,-1,-1\n2,1,11,20,30,40,0.9,-1,-1,-1\n"},
                {"a.parquet": _parquet(boxed)},
            ),
            read=lambda path: load_model(f"detections:{path}", device="cpu"),
        ),
        Kind(
            name="manifests",
            seeds=(
                {"m.csv": manifest, "a.mp4": b"x"},
                {"m.parquet": _parquet(manifest), "a.mp4": b"x"},
                {"m.json": json.dumps(entries), "a.mp4": b"x"},
            ),
            read=lambda path: expand_sources([str(path)]),
        ),
        Kind(
            name="sidecars",
            seeds=({"net.toml": SIDECAR, "net.onnx": b"x"},),
            read=lambda path: read_sidecar(path.with_suffix(".onnx")),
        ),
        Kind(
            name="settings",
            seeds=(
                {"vidrobust.toml": 'sources = ["a.mp4"]\nmodels = ["onnx:a.onnx"]\nevery = 2\nseed = 3\n'},
            ),
            read=read_toml,
        ),
        Kind(
            name="policies",
            seeds=({"policy.json": Policy(model="bright", notes=("a note",)).to_json()},),
            read=Policy.read,
        ),
        Kind(
            name="run folders",
            seeds=tuple(
                {name: whole[name], **{n: b for n, b in whole.items() if n != name}} for name in damaged
            ),
            read=lambda path: _tables(path.parent),
        ),
    ]


def _tables(folder: Path) -> object:
    """Everything that a run folder holds."""
    run = load_run(folder)
    return [run.metrics, *(run.table(file.stem) for file in sorted(folder.glob("*.parquet")))]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy with a few bits flipped, a stretch missing, doubled or replaced, or cut off."""
    copy = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at, length = int(rng.integers(len(copy) + 1)), int(rng.integers(1, 40))
        match int(rng.integers(5)):
            case 0 if copy:
                copy[min(at, len(copy) - 1)] ^= 1 << int(rng.integers(8))
            case 1:
                del copy[at : at + length]
            case 2:
                copy[at:at] = copy[max(at - length, 0) : at]
            case 3:
                copy[at : at + int(rng.integers(0, 8))] = PIECES[int(rng.integers(len(PIECES)))]
            case _ if rng.random() < 0.3:
                del copy[at:]
    return bytes(copy)


def trials(every: list[Kind], count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Kind, outcome (read, refused, fault) and what was raised, so many a kind."""
    for kind in every:
        for number in range(count):
            rng = np.random.default_rng([seed, number, sum(kind.name.encode())])
            files = kind.seeds[number % len(kind.seeds)]
            with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
                first, *beside = files
                for name in beside:
                    _write(Path(folder) / name, files[name])
                data = files[first]
                bytes_ = data.encode() if isinstance(data, str) else data
                _write(Path(folder) / first, damaged(bytes_, rng))
                yield (kind.name, *_outcome(kind, Path(folder) / first))


def _write(path: Path, data: str | bytes) -> None:
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def _outcome(kind: Kind, path: Path) -> tuple[str, str]:
    started = time.monotonic()
    try:
        kind.read(path)
    except VidrobustError as error:
        return ("refused", "") if str(error) else ("fault", "an error without words")
    except BaseException:
        shutil.copy(path, Path(tempfile.gettempdir()) / f"fault-{kind.name.replace(' ', '-')}-{path.name}")
        return "fault", traceback.format_exc()
    return ("read", "") if time.monotonic() - started < TIME_LIMIT_S else ("fault", "took too long")


def table(found: list[tuple[str, str, str]]) -> str:
    """Counts by kind as Markdown."""
    lines = ["| kind | files | read | refused in words | faults |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(name for name, _, _ in found):
        counts = Counter(outcome for name, outcome, _ in found if name == kind)
        row = (sum(counts.values()), counts["read"], counts["refused"], counts["fault"])
        lines.append(f"| {kind} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def made_run(folder: Path) -> Path:
    """A finished run of stability on six small pictures."""
    import cv2

    from vidrobust.cli.app import main

    frames = folder / "frames"
    frames.mkdir()
    for number in range(6):
        picture = np.random.default_rng(number).integers(256, size=(48, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / f"{number}.png"), picture)
    with suppress(SystemExit), redirect_stdout(StringIO()):
        main(
            ["stability", str(frames), "--model=tests.fuzz.tiny:model", f"--out={folder / 'run'}", "--quiet"]
        )
    return folder / "run"


def main_of(arguments: list[str]) -> int:
    """Exit code 1 where a file was not coped with."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.files", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-kind", type=int, default=140)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = list(trials(kinds(made_run(Path(folder))), chosen.per_kind, chosen.seed))
    print(table(found))
    faults = Counter(
        f"{kind}: {what.strip().splitlines()[-1]}" for kind, outcome, what in found if outcome == "fault"
    )
    for what, count in faults.most_common():
        print(count, what, file=sys.stderr)
    first = {kind: what for kind, outcome, what in found if outcome == "fault"}
    print("\n".join(what[-1500:] for what in first.values()), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main_of(sys.argv[1:]))
