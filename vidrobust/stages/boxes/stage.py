"""The stage ``boxes``: detectors at every threshold, and pictures of their worst moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.stability.stage import STABILITY, TRACKS
from vidrobust.stages.transitions.stage import FOOTAGE

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun


class BoxesStage(TableStage):
    """Detectors: the stability at every threshold, and pictures of the worst moments."""

    name = "boxes"
    version = 8  # the worst moment is the greatest loss
    needs = (STABILITY,)
    settings = (*FOOTAGE, *TRACKS, "pictures")
    tables = ("box_curve",)
    files = ("box_moments.json",)

    def make(self, run: OpenRun) -> None:
        import dataclasses

        from vidrobust.metrics.tracks.measures import without_absent
        from vidrobust.stages.boxes import moments, pictures

        detections = run.table("detections")
        steps = without_absent(run.table("object_frames"), run.table("judged_steps"))
        run.folder.write_table(
            "box_curve", pictures.curves(run, detections, run.table("transitions"))
        )
        chosen: list[moments.BoxMoment] = []
        for model in detections["model"].drop_duplicates():
            of_model = detections[detections["model"] == model]
            chosen += moments.choose(str(model), steps[steps["model"] == model], of_model)
        files = pictures.save_tiles(run, chosen, detections) if run.settings.pictures else {}
        lines = [
            pictures.as_dict(moment, files.get(number, [""])[1:], files.get(number, [""])[0])
            for number, moment in enumerate(chosen)
        ]
        places = pictures.hiding_places(steps)
        for place in places:
            run.reporter.say(pictures.sentence(place))
        hiding = [
            {**dataclasses.asdict(place), "sentence": pictures.sentence(place)} for place in places
        ]
        made = {"moments": lines, "hiding_places": hiding}
        run.folder.write_json("box_moments.json", made)

    def as_json(self, run: OpenRun) -> Any:
        return {"curve": run.folder.rows("box_curve"), **run.folder.read_json("box_moments.json")}


BOXES = BoxesStage()
