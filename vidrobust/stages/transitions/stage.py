"""The stage ``transitions``: which neighbouring frames may be compared, and what each input is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.errors import InputError
from vidrobust.pipeline.stage import StreamStage
from vidrobust.text.printable import printable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from vidrobust.frame_pairs.transitions import FrameTransitions
    from vidrobust.frames.batch import FrameBatch
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.stage import Context, Found, StreamWork
    from vidrobust.video.source import VideoSource

# Settings that say which frames there are, and which neighbours may be compared.
FOOTAGE = (*("backend", "color", "every", "fps", "start_s", "end_s"), *("roi", "crop"))


class TransitionsStage(StreamStage):
    """Which neighbouring frames may be compared, and what each input is."""

    name = "transitions"
    version = 7
    per = "item"
    settings = FOOTAGE
    unit_tables = ("transitions",)
    command = False

    def work(self, context: Context, model: Model | None) -> StreamWork:
        return TransitionsUnit(context)


TRANSITIONS = TransitionsStage()


class TransitionsUnit:
    """Every frame of an input once, without any model: its transitions, and the hash of what was decoded."""

    def __init__(self, context: Context) -> None:
        from vidrobust.frames.batch import DecodedHash

        self.context = context
        self._columns: list[dict[str, np.ndarray]] = []
        self._hash = DecodedHash()

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None:
        batch, transitions = self.context.own_part(batch, transitions)
        if not len(batch):
            return
        self._hash.feed(batch)
        self._columns.append(
            {
                "frame": batch.index,
                "time_s": batch.time_s,
                "reason": transitions.reason,
                "pixel_change": transitions.pixel_change,
                "shift_x": transitions.shift[:, 0],
                "shift_y": transitions.shift[:, 1],
                "keyframe": transitions.keyframe,
                "pts": transitions.pts,
                "content": transitions.content,
                "corrupt": batch.corrupt,
            }
        )

    def finish(self, source: VideoSource) -> Found:
        import numpy as np
        import pandas as pd

        from vidrobust.tables import schema as tables

        if not self._columns and self.context.number:
            # a segment that the file does not reach
            nothing = {**_described(source, None), "decoded": "nothing"}
            return {"transitions": tables.empty("transitions")}, nothing
        if not self._columns:
            why = "; ".join(source.problems) or "no frame could be decoded"
            raise InputError(f"{printable(self.context.item.path)}: {why}")
        joined = {
            name: np.concatenate([part[name] for part in self._columns])
            for name in self._columns[0]
        }
        table = pd.DataFrame({"item": self.context.item.name, **joined})
        facts = {**_described(source, table), "decoded": self._hash.hexdigest()}
        return {"transitions": table}, facts


def _described(source: VideoSource, transitions: pd.DataFrame | None) -> dict[str, Any]:
    info = source.info
    return {
        "width": info.width,
        "height": info.height,
        "frame_rate": float(info.frame_rate),
        "frames": 0 if transitions is None else len(transitions),
        "corrupt_frames": 0 if transitions is None else int(transitions["corrupt"].sum()),
        "end_s": None if transitions is None else float(transitions["time_s"].iloc[-1]),
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "color_space": info.color_space,
        "color_range": info.color_range,
        "backend": info.backend,
        "device": info.device,
        "reason": info.reason,
        "notes": list(info.notes),
        "problems": list(source.problems),
        "frame_counts": list(getattr(source, "frame_counts", ())),
    }
