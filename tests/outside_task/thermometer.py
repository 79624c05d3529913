"""A task from outside the package: the colour temperature of the light, a number a frame.

The model is McCamy's (1992) cubic approximation of the correlated colour temperature, of the chromaticity of the
mean of a frame (grey world). Differences are in mired, 1e6 / K, of which 5.5 are just noticeable.
"""

import dataclasses
from typing import ClassVar

import cv2
import numpy as np
import pandas as pd

from vidrobust.metrics.metric import CorrelationSpec, Metric, ResponseSpec, Task, Wording
from vidrobust.metrics.task_meter import NEIGHBOURS, TABLES, TaskMeter, whole
from vidrobust.models.spec import Form, ModelKind
from vidrobust.predictions import TaskPredictions

NOTICEABLE, FULL = 5.5, 100.0
# linear sRGB to CIE XYZ (IEC 61966-2-1)
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@dataclasses.dataclass(frozen=True)
class Temperatures(TaskPredictions):
    task: ClassVar[str] = "temperature"
    kelvin: np.ndarray
    class_names: tuple[str, ...] = ("light",)

    @property
    def num_frames(self):
        return len(self.kelvin)

    @property
    def mired(self):
        return 1e6 / self.kelvin

    def select(self, rows):
        return dataclasses.replace(self, kelvin=self.kelvin[rows])

    @classmethod
    def join(cls, parts):
        return cls(np.concatenate([part.kelvin for part in parts]))

    def problems(self):
        return [] if np.isfinite(self.kelvin).all() else ["a temperature that is not finite"]


class Thermometer:
    name, task, version, class_names = "mccamy", "temperature", "1", ("light",)

    def __call__(self, pixels):
        share = np.asarray(pixels.cpu(), np.float64) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        x, y, z = (linear.mean(axis=(2, 3)) @ TO_XYZ.T).T
        n = (x / (x + y + z) - 0.3320) / (0.1858 - y / (x + y + z))
        return Temperatures(449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33)


def shift(p, q):
    return np.minimum(np.abs(p.mired - q.mired) / FULL, 1.0)


def jump(p, q):
    return np.abs(p.mired - q.mired) > NOTICEABLE


class Meter(TaskMeter):
    def triple(self, a, b, c):
        x, y, z = (float(each.answer.mired[0]) for each in (a, b, c))
        return {"jitter": abs(x - 2 * y + z) / 2}


def drawn(picture, found):
    text, font = f"{found.kelvin[0]:.0f} K", cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(picture.copy(), text, (4, 14), font, 0.4, (255, 255, 255))


def remedies(model, read, footage, max_delay_ms):
    from vidrobust.stages.remedies.recommend import recommended
    from vidrobust.stages.remedies.row import Costs, row
    from vidrobust.stages.remedies.study import Studied, marked
    from vidrobust.statistics.clusters import clusters_of_rows
    from vidrobust.statistics.ratios import paired_ratio

    frames, use = read("task_frames").query("model == @model"), read("task_pairs")
    use = use[(use["model"] == model) & (use["excluded"] == "")]
    mired = 1e6 / frames.set_index(["item", "frame"])["answer"].str.removesuffix(" K").astype(float)
    calm = mired.groupby(level="item").transform(lambda of: of.rolling(5, min_periods=1).mean())
    places = (pd.MultiIndex.from_frame(use[["item", side]]) for side in ("frame_a", "frame_b"))
    a, b = (calm.reindex(place).to_numpy() for place in places)
    before = use["jump"].to_numpy(np.float64)
    after = (np.abs(a - b) > NOTICEABLE).astype(np.float64)
    clusters, delay = clusters_of_rows(use), 2 * float(use["delta_ms"].median())
    found = paired_ratio(before, after, clusters, events=True)
    costs = Costs(delay_frames=2, delay_ms=delay)
    name = "running-mean-5"
    rows = [row("rule", name, model, "jump_rate", found, costs)]
    best = recommended({name: after}, before, clusters, {name: delay}, max_delay_ms)
    return Studied(marked(rows, best, "jump_rate"), best)


def judged(run, raw):
    """Return how far each frame is from the temperature in the labels, such as 6504 K."""
    known = run.inputs.known.labels
    known = 1e6 / known.set_index("item")["label_name"].str.removesuffix(" K").astype(float)
    frames = raw["task_frames"]
    if frames.empty or known.empty:
        return {}
    found = 1e6 / frames["answer"].str.removesuffix(" K").astype(float)
    truth = frames[["item", "frame", "time_s", "model"]].assign(
        light_error=(found - frames["item"].map(known)).abs()
    )
    return {"task_truth": truth.dropna()}


def _metric(name, title, sentence, **more):
    return Metric(task="temperature", name=name, title=title, sentence=sentence, **more)


OF_PAIRS = {"table": "task_pairs", "rows": NEIGHBOURS}
JUMPS = Wording(
    "the temperature jumps", "the temperature never jumps", "pair of neighbouring frames",
    many="pairs of neighbouring frames", event="pairs of neighbouring frames has a jump",
    called="jump rate",
)  # fmt: skip
METRICS = (
    _metric(
        "jump_rate",
        "noticeable jumps",
        "How often the temperature jumps by more than is just noticeable.",
        **OF_PAIRS, column="jump", difference=jump, is_rate=True, headline=True, wording=JUMPS,
    ),
    _metric(
        "shift",
        "shift of the temperature",
        "How far the temperature shifts, of 100 mired.",
        **OF_PAIRS, column="shift", difference=shift,
    ),
    _metric(
        "jitter",
        "jitter of the temperature",
        "How much the temperature shakes about a steady drift.",
        table="task_frames", column="jitter", unit="mired", bounds=(0.0, float("inf")), headline=True,
    ),
    _metric(
        "light_error",
        "error of the temperature",
        "How far the temperature is from the known one.",
        table="task_truth", unit="mired", bounds=(0.0, float("inf")), of_labels=True,
    ),
)  # fmt: skip
RESPONSE = ResponseSpec(
    columns=("shift",), turns=("jump",), floors={"noise_floor_shift": ("shift",)}, of="of 100 mired",
    happens="makes the temperature jump in", many="of the frames",
)  # fmt: skip
CORRELATION = CorrelationSpec(
    pairs="task_pairs", metrics=("shift", "jump"), primary="shift",
    frames=lambda table: table("task_frames"), sure="sure", sure_is="how sure the model is",
)  # fmt: skip
TASK = Task(
    name="temperature", tables=TABLES, meter=Meter, whole=whole, metrics=METRICS,
    answered=("jump_rate",), nothing="no two neighbouring frames could be compared",
    response=RESPONSE, correlation=CORRELATION, accounts={"": "the change of the temperature"},
    said=lambda found: ([f"{value:.3f} K" for value in found.kelvin], np.ones(found.num_frames)),
    drawn=drawn, coordinates=lambda found, motions, size: found.mired[:, None], remedies=remedies,
    judge=judged, labelled=("task_truth",),
)  # fmt: skip


LIGHT = "colour temperature of the light"
MODEL = ModelKind(
    scheme="thermometer",
    load=lambda spec, device: Thermometer(),
    forms=(Form(spec="thermometer:", what=LIGHT, example="thermometer:mccamy"),),
)
