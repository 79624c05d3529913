"""Which replays of footage there are, and the one of an input by its name."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model
from vidrobust.stages.replays import replay
from vidrobust.stages.replays.names import CONTROL, RESIZES
from vidrobust.stages.replays.replay import Frames, Replay
from vidrobust.stages.replays.shown import Shown


def replay_of(name: str, shown: Shown) -> Replay:
    """One of SHARED or CONTROL."""
    made: dict[str, Callable[[], Replay]] = {
        "steady-camera": lambda: replay.steady_camera(shown.frames, shown.steps, shown.rate),
        "level-light": lambda: replay.level_light(shown.frames, shown.steps, shown.rate),
        "no-flicker": lambda: replay.no_flicker(shown.frames, shown.steps, shown.rate),
        "less-noise": lambda: replay.less_noise(shown.frames, shown.steps),
        CONTROL: lambda: _control(shown),
    }
    return made[name]()


def _control(shown: Shown) -> Replay:
    """Every frame shifted alike, where steadying shifts any."""
    steady = replay.steady_camera(shown.frames, shown.steps, shown.rate)
    if steady.frames is None or steady.same:
        return Replay(None, steady.note, same=steady.same)
    return replay.resampled(shown.frames, shown.steps)


def resizes_of(frames: Frames, model: Model) -> dict[str, Replay]:
    """Replays that depend on how the model resizes."""
    names = dict(zip(RESIZES, (cv2.INTER_AREA, cv2.INTER_LINEAR), strict=True))
    if not isinstance(model, NetworkClassifier):
        why = "not possible: the model takes whole frames, and its own resize is not known"
        return {name: Replay(None, why) for name in names}
    resized = model.network.preprocess.resized
    return {name: replay.another_resize(frames, resized, how) for name, how in names.items()}
