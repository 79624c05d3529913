"""What an addition costs: each is made in a copy of the package or in a package beside it, and used there.

The copy is made once, with everything that is added here, and one process tries it all; the cost of each, in files
that are new and files that get a line, is counted from what was written.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.apart import install

ROOT = Path(__file__).parents[1]
CLIPS = ROOT / "tests" / "footage_media"
OUTSIDE = "outside"
"""The package beside the copy, with an entry point for each file of it."""


@dataclass(frozen=True, kw_only=True)
class Addition:
    """new: files by path in the package, or in OUTSIDE; lines: (file, after this text, this); code prints."""

    new: dict[str, str] = field(default_factory=dict)
    lines: tuple[tuple[str, str, str], ...] = ()
    code: str
    group: str = ""

    @property
    def cost(self):
        """New files, and files that get a line."""
        return len(self.new), len({file for file, _, _ in self.lines})

    def make(self, tree):
        for file, text in self.new.items():
            path = tree / (OUTSIDE if self.group else "vidrobust") / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        for file, after, added in self.lines:
            path = tree / "vidrobust" / file
            text = path.read_text()
            assert text.count(after) == 1, f"{file}: {after!r}"
            path.write_text(text.replace(after, after + added))


PERTURBATION = Addition(
    group="vidrobust.perturbations = veil:BOTH",
    new={
        "veil.py": """
import torch
from vidrobust.frames.pixels import rounded
from vidrobust.perturb.perturbation import Perturbation, given_sign, without_chance


def _veil(pixels, shares):
    share = torch.tensor(shares, device=pixels.device).view(-1, 1, 1, 1)
    return rounded(pixels + share * (200.0 - pixels.float()))


def entry(suite):
    return Perturbation(
        name="veil", suite=suite, family="light", unit="share of stray light", strengths=(1.0, 2.0, 4.0),
        range=(0.0, 9.0), apply=without_chance(_veil), doc="Everything drawn towards a light grey by s.",
        signed={"veil": given_sign(_veil)}, stands_for={"light": 9} if suite == "natural" else {},
        condition=("offset",),
    )


BOTH = [entry("natural"), entry("dusty-hall")]
"""
    },
    code="""
import dataclasses
from tests.stages.policy import test_build as made
from vidrobust.stages.policy.build import build
from vidrobust.stages.policy.exports.write import with_levels

evidence = dataclasses.replace(
    made.shaken(), account=made.account(light=made.CAMERA), named={"light": "adjacent"},
    replication={"light": made.AGAIN}, candidate_fits=made.candidate_fits("light", {"veil": 0.9}),
    spread=made.spread(offset=0.5), sensitivity=made.sensitivity(("veil", "brightness")),
)
policy = build("net", evidence)
print([(step.perturbation, step.high) for step in policy.steps])
print(with_levels(policy).steps[0].level)

import numpy as np, torch
from vidrobust.cli.app import main
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.stages.causes.candidate_fits import CANDIDATES
from vidrobust.stages.causes.cause import CauseStep, Size
from vidrobust.stages.causes.fits import fit_levels

assert "veil" in [each.name for each in suite()]
grey = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
print(suite("dusty-hall")[0].key, int(PERTURBATIONS["veil"].apply(grey, 0.5, torch.Generator()).unique()))
before = np.random.default_rng(0).integers(0, 255, (48, 48, 3)).astype(np.uint8)
after = np.rint(before + 0.3 * (200.0 - before)).astype(np.uint8)
step = CauseStep(before=before, after=after, size=Size(size=0.3, unit="", measured=""), backwards=False)
print(CANDIDATES["light"][-1], round(fit_levels("veil", step).strength, 2))
main(["perturbations", "--suite", "dusty-hall", "--json"])
""",
)
METRIC = Addition(
    group="vidrobust.metrics = hellinger:HELLINGER",
    new={
        "hellinger.py": """
import numpy as np
from vidrobust.metrics.metric import Metric


def _hellinger(p, q):
    a, b = p.probabilities.astype(np.float64), q.probabilities.astype(np.float64)
    return np.sqrt(np.clip(1 - np.sqrt(a * b).sum(axis=1), 0, 1))


HELLINGER = Metric(
    task="classification", name="hellinger", title="Hellinger distance", sentence="How little two frames overlap.",
    table="pairs", column="hellinger", difference=_hellinger, rows={"kind": "adjacent"}, headline=True,
)
"""
    },
    code="""
import numpy as np
from vidrobust.metrics.catalogue import find_metric, metric_columns
from vidrobust.predictions import Classifications

one, other = (Classifications(np.array([p], np.float32), ("a", "b")) for p in ([1.0, 0.0], [0.0, 1.0]))
found = find_metric("hellinger")
print(found.title, found.difference(one, other), "hellinger" in metric_columns("pairs"))
""",
)
MODEL_KIND = Addition(
    new={
        "models/kinds/constant.py": """
import numpy as np
from vidrobust.models.spec import Form, ModelKind
from vidrobust.predictions import Classifications


class Constant:
    task, class_names = "classification", ("never", "always")

    def __init__(self, name):
        self.name = name

    def __call__(self, pixels):
        return Classifications(np.tile(np.float32([0, 1]), (len(pixels), 1)), self.class_names)


KINDS = (ModelKind(
    scheme="constant", load=lambda spec, device: Constant(spec.target),
    forms=(Form(spec="constant:NAME", what="always the same", example="constant:a"),),
),)
"""
    },
    code="""
import torch
from vidrobust.models.load import load_model

model = load_model("constant:a")
print(model.name, model(torch.zeros((2, 3, 8, 8), dtype=torch.uint8)).labels.tolist())
""",
)
LABEL_FORMAT = Addition(
    group="vidrobust.formats = plain:FORMAT",
    new={
        "plain.py": """
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import LabelFormat, Labels, rows_of


def read(path):
    rows = [label_row(line.split()[0], label=int(line.split()[1]), label_name="", source="plain")
            for line in path.read_text().splitlines()]
    return Labels(format="plain", path=path, rows=rows_of(rows))


FORMAT = LabelFormat(name="plain", what="ITEM LABEL a line", sniff=lambda p: p.suffix == ".plain", read=read)
"""
    },
    code="""
from pathlib import Path
from vidrobust.footage.labels.formats import read_labels

Path("a.plain").write_text("clip 7\\n")
print(read_labels("a.plain").rows["label"].tolist())
""",
)
EXPORT = Addition(
    group="vidrobust.exports = names_of_models:FORMAT",
    new={
        "names_of_models.py": """
from vidrobust.finished_runs.exports.catalogue import Exported, Format, save


def write(run, out):
    return Exported((save(out / "models.txt", " ".join(run.models)),))


FORMAT = Format(name="names_of_models", what="the names of the models", opened_by="any editor", write=write)
"""
    },
    code="""
from pathlib import Path
from vidrobust.cli.app import main
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

folder = RunFolder.create(Path("exported"), Settings())
folder.update(models=[{"name": "net-a", "spec": "net-a"}], inputs=[{"item": "clip", "path": "clip.mp4"}])
main(["export", "exported", "--to", "names_of_models", "--json"])
print(Path("exported/exports/names_of_models/models.txt").read_text())
""",
)
POLICY_FORMAT = Addition(
    group="vidrobust.exports = plain_policy:PLAIN",
    new={
        "plain_policy.py": """
from vidrobust.stages.policy.exports.rendered import Export
from vidrobust.stages.policy.exports.write import PolicyFormat


def render(policy):
    return Export(name="policy_plain.txt", text=f"{len(policy.steps)} steps")


def lacks(policy, step):
    return "" if step.perturbation == "brightness" else "plain text has brightness alone"


PLAIN = PolicyFormat("policy_plain.txt", render, lacks)
"""
    },
    code="""
from vidrobust.stages.policy.exports.write import render_all
from vidrobust.stages.policy.policy import Policy

print([each.name for each in render_all(Policy(model="net"))])
""",
)
DECODER = Addition(
    new={
        "video/again.py": """
from vidrobust.video.pyav import PyAVReader


def open_again(asked):
    return PyAVReader(asked.path, item=asked.item, color=asked.color)
"""
    },
    lines=(
        (
            "video/choice.py",
            "from vidrobust.text.printable import printable\n",
            "from vidrobust.video.again import open_again\n",
        ),
        (
            "video/choice.py",
            "on_cpu=open_decord, in_auto=False),\n",
            "    Decoder(name='again', on_cpu=open_again),\n",
        ),
    ),
    code=f"""
from vidrobust.video.source import open_video

with open_video({str(CLIPS / "cars.mp4")!r}, backend="again") as source:
    print(len(next(source.batches(4))), source.info.reason)
""",
)
STAGE = Addition(
    group="vidrobust.stages = greeting:GREETING",
    new={
        "greeting.py": """
from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY


class GreetingStage(TableStage):
    "Say hello."

    name, version, needs, settings, files = "greeting", 1, (STABILITY,), ("suite",), ("greeting.json",)

    def make(self, run):
        run.folder.write_json("greeting.json", {"models": len(run.model_records)})


GREETING = GreetingStage()
"""
    },
    code=f"""
from pathlib import Path
from vidrobust.cli.app import main

for command in (
    ["greeting", "--help-all"],
    ["greeting", {str(CLIPS / "line-flour-bags.gif")!r}, "-mtests.fuzz.tiny:model", "--end-s=0.5", "-orun", "-q"],
    ["status", "run"],
):
    main(command)
print("".join(Path("run/greeting.json").read_text().split()))
""",
)
STRIPES = '''"""Rows of an overlay in the corner that get brighter and darker in turn."""

import numpy as np

from vidrobust.stages.causes.cause import Cause, LevelReplay, Size

ROWS = np.zeros((120, 160, 1), np.float32)
ROWS[4:28:2, 4:28], ROWS[5:28:2, 4:28] = 1, -1


def _measure(brought, second):
    found = float((ROWS * (second - brought)).mean() / np.square(ROWS).mean())
    return found if abs(found) > 1 else None


def _rows(change, where):
    rows = change.own["stripes"] * ROWS
    return rows if where is None else rows[where]


def _size(change, a, reverse):
    size = (-1 if reverse else 1) * change.own.get("stripes", 0.0)
    return Size(size=size, unit="levels", measured=f"{size:.0f} levels")


STRIPES = Cause(
    name="stripes", title="stripes of the overlay", group="light",
    replay=LevelReplay(play=lambda change, x, where: x + _rows(change, where),
                  undo=lambda change, x, where: x - _rows(change, where)),
    occurs=lambda change: "stripes" in change.own, measure=_measure, size=_size,
)
'''
"""The account of six pairs in which nothing but the overlay changes, by a model that looks at it alone."""
ACCOUNT_OF_STRIPES = """
import cv2, numpy as np, pandas as pd
from vidrobust.predictions import Classifications
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.stripes import ROWS
from vidrobust.stages.causes.pair_replays import study_pair
from vidrobust.stages.causes.score import SeenPictures, answers, score, seen_in
from vidrobust.stages.causes.shares import summarise

class Rows:
    name, task, class_names = "rows", "classification", ("off", "on")
    def __call__(self, pixels):
        z = 10 * (pixels.permute(0, 2, 3, 1).numpy() * ROWS).mean(axis=(1, 2, 3))
        return Classifications.from_logits(np.stack([-z, z], axis=1), self.class_names)

model, rng, rows = Rows(), np.random.default_rng(0), []
for n in range(6):
    coarse = rng.uniform(30, 220, (60, 80, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)
    frames = [scene + 8 * on * ROWS + rng.normal(0, 1, scene.shape) for on in (0, 0, 1, 1)]
    made = study_pair(*(np.clip(frame, 0, 255).astype(np.uint8) for frame in frames))
    pair = {"item": "a", "frame_a": 10 * n, "frame_b": 10 * n + 1, "weight": 1.0, "scale": "adjacent"}
    seen = SeenPictures("", *seen_in(answers(model, made.pictures, "cpu")), model.class_names)
    rows += [{**pair, **row} for row in score(made, model, seen)]
account = summarise(pd.DataFrame(rows))
own = account[(account["item"] == "") & (account["cause"] == "stripes")].iloc[0]
print(CATALOGUE["stripes"].title, round(own.share, 1), own.occurs, made.sizes["stripes"].measured)
"""
CAUSE = Addition(
    new={"stages/causes/stripes.py": STRIPES},
    lines=(
        (
            "stages/causes/catalogue.py",
            "import fit_blur, fit_gain_field, fit_levels, fit_motion\n",
            "from vidrobust.stages.causes.stripes import STRIPES\n",
        ),
        ("stages/causes/catalogue.py", "        SHARPNESS,\n", "        STRIPES,\n"),
    ),
    code=ACCOUNT_OF_STRIPES,
)
SECTION = Addition(
    group="vidrobust.sections = greeting_section:SECTION",
    new={
        "greeting_section.py": """
from markupsafe import Markup
from vidrobust.report.section import ReportSection
from vidrobust.statement import Level, Statement


def _details(run, keep):
    return Markup('<section id="hello"><p>{} models say hello</p></section>').format(len(run.models))


def _statements(run):
    text = "All models say hello."
    yield Statement(question="Are they polite?", text=text, level=Level.MEASURED, kind="hello", model="net")


SECTION = ReportSection(
    name="hello", question="Are they polite?", after="why", details=_details, statements=_statements
)
"""
    },
    code="""
from pathlib import Path
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.answer.text import console_text
from vidrobust.stages.report.page import write_report

folder = RunFolder.create(Path("reported"), Settings())
folder.update(models=[{"name": "net", "spec": "net", "task": "classification"}])
write_report(folder.path)
print((folder.path / "details.html").read_text())
print(console_text(RunTables(folder.path)))
""",
)


ADDITIONS = {
    "perturbation": PERTURBATION, "metric": METRIC, "model kind": MODEL_KIND, "label format": LABEL_FORMAT,
    "export": EXPORT, "format of the policy": POLICY_FORMAT, "decoder": DECODER, "stage": STAGE, "cause": CAUSE,
    "section": SECTION,
}  # fmt: skip
TRY = """
import contextlib, io, json, sys, traceback

said = {}
for name, code in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(code, {"__name__": name})
        except BaseException:
            traceback.print_exc(file=printed)
    said[name] = printed.getvalue()
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the code of each addition prints, in one process that meets them all."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "vidrobust", tree / "vidrobust")  # with what is compiled already
    points = [each.group.partition(" = ") for each in ADDITIONS.values() if each.group]
    entry_points = "".join(f"[{group}]\nadded = {at}\n" for group, _, at in points)
    install(tree / OUTSIDE, "outside", entry_points)
    for each in ADDITIONS.values():
        each.make(tree)
    codes = json.dumps({name: each.code for name, each in ADDITIONS.items()})
    places = os.pathsep.join(map(str, (tree, tree / OUTSIDE, ROOT)))
    env = {**os.environ, "PYTHONPATH": places, "HOME": str(tree)}
    command = [sys.executable, "-c", TRY]
    done = subprocess.run(command, cwd=tree, env=env, input=codes, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_costs_what_the_map_says():
    """New files, and files that get a line, of which architecture.md tells."""
    costs = {name: each.cost for name, each in ADDITIONS.items()}
    with_a_line = dict.fromkeys(("decoder", "cause"), (1, 1))
    assert costs == dict.fromkeys(ADDITIONS, (1, 0)) | with_a_line


PRINTED = {
    "metric": "Hellinger distance [1.] True\n",
    "model kind": "a [1, 1]\n",
    "label format": "[7]\n",
    "decoder": "4 again decodes on cpu\n",
    "cause": "stripes of the overlay 1.0 6 8 levels\n",
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_addition_is_a_file_and_then_used(name, said):
    assert said[name] == PRINTED[name]


def test_a_perturbation_is_a_file_and_joins_its_suites_the_policy_the_fits_and_the_commands(said):
    """The bare name in suite natural, SUITE:NAME in one of its own; half way from 100 to 200 is 150."""
    steps, level, applied, fitted, shown = said["perturbation"].split("\n", 4)
    assert (steps, level) == ("[('veil', 0.5)]", "suggested")  # no library knows it
    assert (applied, fitted) == ("dusty-hall:veil 150", "veil 0.3")
    (row,) = json.loads(shown)
    assert (row["name"], row["single_frames"]) == ("veil", "yes")


def test_an_export_is_a_file_and_the_command_knows_it(said):
    assert '"opened_by": "any editor"' in said["export"]
    assert said["export"].endswith("\nnet-a\n")


def test_a_format_of_the_policy_is_a_file(said):
    assert "policy_plain.txt" in said["format of the policy"]


def test_a_stage_is_a_file_and_then_a_command(said):
    text = said["stage"]
    assert "Say hello." in text
    assert "--suite" in text  # its own
    assert "--max-gap" in text  # of what it needs
    assert "--max-delay" not in text
    # its status
    assert [word for word in text.splitlines()[-10:] if word.lstrip().startswith("greeting")]
    assert text.endswith('{"models":1}\n')


def test_a_section_of_the_report_is_a_file_and_speaks_in_the_answer(said):
    text = said["section"]
    places = [text.index(f'id="{name}"') for name in ("q-why", "q-hello", "q-sensitive")]
    assert places == sorted(places)
    assert "1 models say hello" in text
    assert text.count("All models say hello.") == 1
