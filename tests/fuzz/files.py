"""Damaged files that are no videos, through the functions that read them.

``python -m tests.fuzz.files --seed K`` damages annotations, predictions, detections, manifests, sidecars,
settings, policies, zones, bags, saved networks and the files of run folders, and prints the table of
docs/truth.md. Half of the damage is of bytes, half of values: another type, an extreme or nothing in place of
a value of JSON or a cell of CSV. A reader may return, or raise one of vidrobust's errors in words of its own; any
other exception, words of Python, and more than TIME_LIMIT_S, are faults.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.plugins import test_bags, test_ultralytics_models
from tests.plugins.formats import test_layouts, test_recorded
from vidrobust.api.run import load_run
from vidrobust.cli.app import main
from vidrobust.errors import InputError, VidrobustError
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.labels.formats import read_labels
from vidrobust.install_hint import installed
from vidrobust.models.load import load_model
from vidrobust.models.sidecar import read_sidecar
from vidrobust.plugins.decisions.places import read_places
from vidrobust.run_folder.settings import read_toml
from vidrobust.stages.policy.policy import Policy
from vidrobust.video.source import open_video

TIME_LIMIT_S = 20.0
"""A sound file takes a hundredth of this."""


PIECES = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b",", b"\n", b"\r", b";", b"\t", b"-1", b"0",
    b"NaN", b"1e999", b"inf", b"90 %", b"null", b"{}", b"[]", b"[" * 5000, b"9" * 400, b"../../x",
    b"\xc3\x28", b"true", b"\x1b[31m",
)  # fmt: skip
"""What is put in place of a stretch: separators, extremes, other types, deep nesting, no text."""


VALUES = (
    None, True, -1, 0, 1.5, 1e308, 2**63, 10**30, "", "NaN", "x", [], {}, [1], [[]], {"a": 1},
    float("inf"), float("nan"), [None] * 4, "2026-01-01", "\x1b[31m", "../x", -1e-308,
)  # fmt: skip
"""What is put in place of a value."""

PYTHON = re.compile(
    r"(Key|Type|Attribute|Index|Value|Assertion|Runtime|Overflow|ZeroDivision|Recursion|Name|Unicode\w+)Error"
    r"|StopIteration|Traceback|object has no|object is not|not subscriptable|unhashable|NoneType|__\w+__"
    r"|could not convert|invalid literal|out of range for|index out|indices must|unsupported operand"
    r"|required positional|unexpected keyword|not supported between|must be real number|cannot unpack"
    r"|values to unpack|to integer|can't decode|Python int|<class "
)
"""Words of Python and its libraries, which say nothing to the owner of a file."""


class Seed(NamedTuple):
    """A file that is damaged, the first, and others beside it; ``target`` is what a reader is given."""

    files: dict[str, str | bytes]
    target: str = ""

    def written(self, folder):
        """Write all; return the target."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
        return folder / (self.target or next(iter(self.files)))


class Kind:
    """A kind of file: its seeds, or the files of each that stands alone, and what reads one.

    share   of the files of other kinds: reading a network takes long
    """

    def __init__(self, name, read, *seeds, share=1.0):
        self.name, self.read, self.share = name, read, share
        self.seeds = [seed if isinstance(seed, Seed) else Seed(seed) for seed in seeds]


FRAMES = "".join(f"{n},{'good' if n % 3 else 'bad'},0.{n + 5}\n" for n in range(4))
BOXES = "".join(f"{n},{n % 2},0.9,{n},2,30,40\n" for n in range(4))


IMAGES = [{"id": n, "video_id": 1, "frame_id": n, "file_name": f"clip/{n}.jpg"} for n in range(3)]
OF_ONE = {"video_id": 1, "category_id": 1, "instance_id": 1, "bbox": [1, 2, 3, 4]}
COCO = {
    "videos": [{"id": 1, "name": "clip", "width": 64, "height": 48}],
    "images": IMAGES,
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [{"id": n, "image_id": n, **OF_ONE} for n in range(3)],
}
RESULT = {"category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}
RESULTS = [{"image_id": n, **RESULT} for n in range(3)]
FRAMES_OF_COCO = {
    "images": [{"id": n, "file_name": f"frames/{n}.png"} for n in range(6)],
    "categories": [{"id": 1, "name": "a"}],
    "annotations": [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4]} for n in range(6)
    ],
}
CVAT = (
    '<annotations><meta><task><size>3</size></task></meta><track id="0" label="car"><box frame="0" outside="0" '
    'occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"/></track></annotations>'
)
SIDECAR = 'size = 224\nresize_to = 256\ncrop = 0.875\ninterpolation = "bilinear"\nmean = [0.5, 0.5, 0.5]\n'
SIDECAR += 'std = [0.5, 0.5, 0.5]\nchannels = "RGB"\nclasses = ["a", "b"]\n'
YTBB = "AAAAAAAAAAA,0,0,person,0,present,0.1,0.5,0.2,0.6\nAAAAAAAAAAA,1000,0,person,0,present,0.1,0.5,0.2,0.6\n"


def made(make):
    """What a test writes, with each of its first three files that are no pictures damaged in turn."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder).resolve()
        given = make(desk)
        place, *options = str(given[0] if isinstance(given, tuple) else given).split(",")
        found = sorted(path for path in desk.rglob("*") if path.is_file())
        files = {str(path.relative_to(desk)): path.read_bytes() for path in found}
        target = ",".join([os.path.relpath(place, desk), *options])
        texts = [name for name in files if not name.endswith((".jpg", ".png"))]
        first = [name for name in texts if name == target.split(",")[0]] or texts[:3]
        for name in first:
            yield Seed({name: files[name]} | {n: files[n] for n in files if n != name}, target)


def _vit(desk):
    import transformers

    size = {"image_size": 32, "hidden_size": 16, "intermediate_size": 16}
    config = transformers.ViTConfig(**size, num_hidden_layers=1, num_attention_heads=2)
    transformers.AutoModelForImageClassification.from_config(config).save_pretrained(desk)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(desk)
    return desk


def _yolo(desk):
    test_ultralytics_models.drawn("yolo11n-cls", desk / "net.pt")
    return desk / "net.pt"


def networks():
    """Saved networks of the libraries that are installed."""
    found = []
    if installed("transformers"):
        found.append(("hf:", _vit))
    if installed("ultralytics"):
        found.append(("", _yolo))
    return [
        Kind(
            f"networks ({scheme}FOLDER)" if scheme else "networks (.pt)",
            lambda path, scheme=scheme: load_model(f"{scheme}{path}", device="cpu"),
            *made(make),
            share=0.2,
        )
        for scheme, make in found
    ]


def _command(*arguments):
    """A command that ends with 0, or with 2 or 3 and words."""
    said = StringIO()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            main(arguments)
    except SystemExit as stop:
        if stop.code in (2, 3) and said.getvalue().strip():
            raise InputError(said.getvalue()) from stop
        if stop.code:
            raise AssertionError(f"ended with {stop.code!r}: {said.getvalue()[-300:]}") from stop


def _labels(path):
    """Rows that cannot be used are listed in words as well."""
    found = read_labels(path)
    if found.problems:
        raise InputError("; ".join(map(str, found.problems)))


def _manifest(path):
    found = expand_sources([str(path)])
    if found.problems:
        raise InputError("; ".join(found.problems))


def _recorded(path):
    _command("recorded", f"detections:{path}", "--json", "--size", "64x48")


def _places(path):
    for place in read_places(path):
        points = place.corners
        assert len(place.side(points) if place.is_line else place.holds(points))


def _frames(path):
    with open_video(path, device="cpu") as video:
        return sum(len(batch) for batch in video.batches(4))


def _parquet(text):
    target = BytesIO()
    pd.read_csv(StringIO(text)).to_parquet(target)
    return target.getvalue()


PLAIN = {"x1": 10.0, "y1": 20.0, "x2": 40.0, "y2": 60.0}


SINK = {"x_min": 1, "y_min": 2, "x_max": 30, "y_max": 40, "class_id": 3, "confidence": 0.7}
SINK |= {"tracker_id": 7, "class_name": "cat"}
BOX_FILES = {
    "sink.json": [{**SINK, "frame": n} for n in range(3)],
    "list.json": [[{"name": "cat", "class": 1, "confidence": 0.7, "box": PLAIN}], []],
}


def kinds(run_folder):
    """Every kind; ``run_folder`` is a small finished run whose files are damaged in turn."""
    labelled = "frame,label,probability\n" + FRAMES
    boxed = "frame,label,score,x1,y1,x2,y2\n" + BOXES
    manifest = "path,part,pass,station,label,start_s,end_s\na.mp4,1,1,left,good,0,1\na.mp4,2,1,left,bad,,\n"
    entries = [{"path": "a.mp4", "label": "good"}]
    settings = 'sources = ["a.mp4"]\nmodels = ["onnx:a.onnx"]\nevery = 2\nseed = 3\n'
    track = "{},1,{},20,30,40,{}\n"
    mot, det = (
        track.format(1, 10, rest) + track.format(2, 11, rest) for rest in ("1,1,1", "0.9,-1,-1,-1")
    )
    whole = {p.name: p.read_bytes() for p in sorted(run_folder.iterdir()) if p.is_file()}
    damaged = [name for name in whole if name.endswith((".json", ".parquet", ".toml"))]
    others = {name: {n: data for n, data in whole.items() if n != name} for name in damaged}
    of_run = {name: Seed({name: whole[name], **others[name]}) for name in damaged}
    bags = (partial(test_bags.ros, kind=kind) for kind in ("bag", "db3", "mcap"))
    return [
        Kind(
            "annotations",
            _labels,
            {"gt.txt": mot},
            {"coco.json": json.dumps(COCO)},
            {"annotations.xml": CVAT},
            {"ytbb.csv": YTBB},
        ),
        Kind(
            "predictions",
            _model("predictions"),
            {"a.csv": labelled},
            {"a.csv": "frame,good,bad\n0,0.25,0.75\n1,0.5,0.5\n"},
            {"a.parquet": _parquet(labelled)},
        ),
        Kind(
            "detections",
            _model("detections"),
            {"a.csv": boxed},
            {"a.json": json.dumps(RESULTS)},
            {"a.txt": det},
            {"a.parquet": _parquet(boxed)},
        ),
        Kind(
            "manifests",
            _manifest,
            {"m.csv": manifest, "a.mp4": b"x"},
            {"m.parquet": _parquet(manifest), "a.mp4": b"x"},
            {"m.json": json.dumps(entries), "a.mp4": b"x"},
        ),
        Kind(
            "label layouts",
            _labels,
            *(seed for _, make in test_layouts.PAIRS for seed in made(make)),
        ),
        Kind(
            "recorded boxes",
            _recorded,
            *made(test_recorded.names_for_labels),
            *({name: json.dumps(content)} for name, content in BOX_FILES.items()),
            Seed(
                {"labels/clip_1.txt": "0 0.5 0.5 0.2 0.2 0.9\n", "labels/clip_2.txt": ""}, "labels"
            ),
        ),
        Kind(
            "zones",
            _places,
            {"a.json": "[[[1, 2], [30, 2], [30, 40]], [[1, 2], [30, 40]]]"},
            {"a.json": '{"yard": {"polygon": [[1, 2], [30, 2], [30, 40]]}}'},
        ),
        Kind(
            "bags",
            _frames,
            *made(test_bags.foxglove),
            *(seed for bag in bags for seed in made(bag)),
        ),
        Kind(
            "sidecars",
            lambda path: read_sidecar(path.with_suffix(".onnx")),
            Seed({"net.toml": SIDECAR, "net.onnx": b"x"}),
        ),
        Kind("settings", read_toml, Seed({"vidrobust.toml": settings})),
        Kind(
            "policies",
            Policy.read,
            Seed({"policy.json": Policy(model="bright", notes=("a note",)).to_json()}),
        ),
        Kind("run folders", lambda path: _tables(path.parent), *of_run.values()),
        Kind(
            "commands on runs",
            _commands_on_run,
            *(seed for name, seed in of_run.items() if name.endswith(".json")),
            share=0.5,
        ),
        Kind(
            "labels of a study",
            partial(_study_with_labels, run_folder.parent / "frames"),
            {"t.csv": "frame,label\n0,a\n1,b\n2,a\n3,a\n4,b\n5,b\n"},
            {"coco.json": json.dumps(FRAMES_OF_COCO)},
            {"m.csv": "path,label,start_s\n{frames},a,\n"},
            share=0.3,
        ),
    ]


def _model(scheme):
    return lambda path: load_model(f"{scheme}:{path}", device="cpu")


def _commands_on_run(path):
    for command in ("status", "show", "report"):
        _command(command, str(path.parent), *(("-q",) if command == "report" else ()))


def _study_with_labels(frames, path):
    path.write_bytes(path.read_bytes().replace(b"{frames}", str(frames).encode()))
    given = (str(path),) if path.name == "m.csv" else (str(frames), f"--labels={path}")
    out = f"--out={path.parent / 'run'}"
    _command("stability", *given, "--model=tests.fuzz.tiny:model", out, "-q")


def _tables(folder):
    """Everything that a run folder holds."""
    run = load_run(folder)
    return [run.metrics, *(run.table(file.stem) for file in sorted(folder.glob("*.parquet")))]


def damaged(data, rng):
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


def _changed(content, rng):
    """Content of JSON with one value replaced, or one key removed; the same where it holds none."""
    places = []

    def walk(node):
        entries = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in entries:
            places.append((node, key))
            if isinstance(value, dict | list):
                walk(value)

    if isinstance(content, dict | list):
        walk(content)
    if places:
        node, key = places[int(rng.integers(len(places)))]
        if isinstance(node, dict) and rng.random() < 0.3:
            del node[key]
        else:
            node[key] = VALUES[int(rng.integers(len(VALUES)))]
    return content


def damaged_values(name, data, rng):
    """A copy of a JSON or CSV file with one value replaced; other files are ``damaged``."""
    if name.endswith((".json", ".jsonl")):
        try:
            return json.dumps(_changed(json.loads(data), rng)).encode()
        except ValueError:
            return damaged(data, rng)
    if name.endswith(".csv"):
        lines = data.decode().splitlines()
        row = int(rng.integers(len(lines)))
        cells = lines[row].split(",")
        cells[int(rng.integers(len(cells)))] = str(VALUES[int(rng.integers(len(VALUES)))])
        lines[row] = ",".join(cells)
        return "\n".join(lines).encode()
    return damaged(data, rng)


def trials(every, count, seed):
    """Kind, outcome (read, refused, fault) and what was raised, so many a kind."""
    for kind in every:
        for number in range(max(round(count * kind.share), 1)):
            rng = np.random.default_rng([seed, number, sum(kind.name.encode())])
            whole = kind.seeds[number % len(kind.seeds)]
            with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
                target = whole.written(Path(folder))
                first = Path(folder) / next(iter(whole.files))
                how = damaged if rng.random() < 0.5 else partial(damaged_values, first.name)
                first.write_bytes(how(first.read_bytes(), rng=rng))
                yield (kind.name, *_outcome(kind, target, first))


def _outcome(kind, target, path):
    started = time.process_time()
    try:
        kind.read(target)
    except VidrobustError as error:
        return _refused(error)
    except BaseException:
        kept = f"fault-{kind.name.replace(' ', '-')}-{path.name}"
        shutil.copy(path, Path(tempfile.gettempdir()) / kept)
        return "fault", traceback.format_exc()
    if time.process_time() - started < TIME_LIMIT_S:
        return "read", ""
    return "fault", "took too long"


def _refused(error):
    if not str(error):
        return "fault", "an error without words"
    if words := PYTHON.search(str(error)):
        return "fault", f"words of Python: {words[0]}: {error}"
    return "refused", ""


def table(found):
    """Counts by kind as Markdown."""
    lines = ["| kind | files | read | refused in words | faults |", "|---|---|---|---|---|"]
    for kind in dict.fromkeys(name for name, _, _ in found):
        counts = Counter(outcome for name, outcome, _ in found if name == kind)
        row = (sum(counts.values()), counts["read"], counts["refused"], counts["fault"])
        lines.append(f"| {kind} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def made_run(folder):
    """A finished run of stability on six small pictures."""
    import cv2

    frames = folder / "frames"
    frames.mkdir()
    for number in range(6):
        picture = np.random.default_rng(number).integers(256, size=(48, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / f"{number}.png"), picture)
    given = ("--model=tests.fuzz.tiny:model", f"--out={folder / 'run'}", "--quiet")
    with suppress(SystemExit), redirect_stdout(StringIO()):
        main(["stability", str(frames), *given])
    return folder / "run"


def run(seed, per_kind):
    """Kind, outcome and what was raised of files of every kind, of fresh damage for a fresh seed."""
    with tempfile.TemporaryDirectory() as folder:
        return list(trials([*kinds(made_run(Path(folder))), *networks()], per_kind, seed))


def main_of(arguments):
    """Exit code 1 where a file was not coped with."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.files", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-kind", type=int, default=140)
    chosen = parser.parse_args(arguments)
    found = run(chosen.seed, chosen.per_kind)
    print(table(found))
    raised = [(kind, what) for kind, outcome, what in found if outcome == "fault"]
    faults = Counter(f"{kind}: {what.strip().splitlines()[-1]}" for kind, what in raised)
    for what, count in faults.most_common():
        print(count, what, file=sys.stderr)
    first = {kind: what for kind, outcome, what in found if outcome == "fault"}
    print("\n".join(what[-1500:] for what in first.values()), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main_of(sys.argv[1:]))
