"""The list of stages, in order. Commands, order, progress, resuming and staleness follow from it."""

from __future__ import annotations

from collections.abc import Iterable

from vidrobust.pipeline.stage import Stage

FOOTAGE = (
    "backend",
    "color",
    "every",
    "fps",
    "start_s",
    "end_s",
    "roi",
    "crop_margin",
    "crop_size",
    "motion_limit",
)
"""Settings that say which frames there are, and which neighbours may be compared."""

TRACKS = ("track_start_score", "track_keep_score", "track_iou", "max_gap")
"""Settings that say how boxes are followed."""

STAGES: tuple[Stage, ...] = (
    Stage(
        name="transitions",
        sentence="Which neighbouring frames may be compared, and what each input is.",
        version=3,
        per="item",
        how="stream",
        settings=FOOTAGE,
        unit_tables=("transitions",),
        work="vidrobust.stages.streams:TransitionsUnit",
        command=False,
    ),
    Stage(
        name="stability",
        sentence="How stable the models are, frame to frame.",
        version=3,
        per="model",
        how="stream",
        needs=("transitions",),
        settings=(*FOOTAGE, "anchor_deltas", "revert_within", *TRACKS),
        summed=("labels", "class_map"),
        also="vidrobust.stages.streams:metrics_known",
        unit_tables=(
            *("frames", "pairs", "triples", "probabilities"),
            *("detections", "track_steps", "tracks", "box_counts", "box_pairs"),
        ),
        gives=(
            *("stability", "stability_by", "label_answers", "neighbour_accuracy", "model_pairs"),
            *("known_boxes", "known_tracks", "truth_curve"),
        ),
        work="vidrobust.stages.streams:StabilityWork",
        whole="vidrobust.stages.streams:whole_item",
        finish="vidrobust.stages.finish:stability",
        told="vidrobust.stages.told:stability",
    ),
    Stage(
        name="variation",
        sentence="How much the footage itself varies, from pixels alone.",
        version=4,
        per="item",
        how="stream",
        needs=("transitions",),
        settings=(*FOOTAGE, "seed"),
        unit_tables=("changes",),
        gives=("variation", "spread"),
        work="vidrobust.stages.streams:VariationWork",
        finish="vidrobust.stages.finish:variation",
        told="vidrobust.stages.told:variation",
    ),
    Stage(
        name="sensitivity",
        sentence="How much each perturbation moves the prediction.",
        version=2,
        per="model",
        how="frames",
        needs=("transitions",),
        settings=(*FOOTAGE, "suite", "perturbation", "strengths", "draws", "seed"),
        summed=("frames", "budget"),
        counted="frames",
        asks="vidrobust.stages.sensitivity.unit:asks",
        taken="vidrobust.stages.sensitivity.unit:taken",
        also="vidrobust.stages.sensitivity.unit:known",
        unit_tables=("sensitivity",),
        work="vidrobust.stages.sensitivity.unit:work",
        check="vidrobust.stages.sensitivity.unit:perturbations_of",
        steps="vidrobust.stages.sensitivity.unit:steps",
        step="perturbed frames",
        told="vidrobust.stages.told:sensitivity",
    ),
    Stage(
        name="causes",
        sentence="Why the output changed: measured changes replayed one by one, and the account of causes.",
        version=8,
        per="model",
        how="frames",
        needs=("transitions",),
        uses=("stability",),
        settings=(*FOOTAGE, "seed"),
        summed=("pairs", "budget"),
        counted="pairs",
        asks="vidrobust.stages.causes.unit:asks",
        taken="vidrobust.stages.causes.unit:taken",
        also="vidrobust.stages.causes.unit:known",
        unit_tables=("causes", "candidate_fits", "place_causes", "place_candidate_fits"),
        gives=(
            *("account", "account_by", "named"),
            *("place_account", "place_account_by", "place_named"),
        ),
        work="vidrobust.stages.causes.unit:work",
        steps="vidrobust.stages.causes.unit:steps",
        step="pairs",
        finish="vidrobust.stages.finish:causes",
        told="vidrobust.stages.told:causes",
    ),
    Stage(
        name="moments",
        sentence="The worst moments as pictures, and frames for the report's player.",
        version=2,
        per="run",
        how="tables",
        needs=("stability",),
        settings=("pictures",),
        gives=("player_frames",),
        files=("moments.json",),
        finish="vidrobust.stages.moments.pictures:moments",
        command=False,
    ),
    Stage(
        name="correlate",
        sentence="Which perturbations stand for what happens in the footage: across frames, clips and models.",
        version=2,
        per="run",
        how="tables",
        needs=("stability", "sensitivity"),
        settings=("across", "resamples", "seed"),
        files=("correlation.json",),
        finish="vidrobust.stages.conclusions:correlate",
        told="vidrobust.stages.told:correlate",
    ),
    Stage(
        name="policy",
        sentence="Which augmentations to train with, and how strong.",
        version=3,
        per="run",
        how="tables",
        needs=("stability", "sensitivity", "variation", "causes"),
        settings=("widen", "trained_with"),
        files=("policy.json",),
        finish="vidrobust.stages.conclusions:make_policy",
        check="vidrobust.stages.conclusions:training_of",
        told="vidrobust.stages.told:policy",
    ),
    Stage(
        name="boxes",
        sentence="Detectors: the stability at every threshold, and pictures of the worst moments.",
        version=1,
        per="run",
        how="tables",
        needs=("stability",),
        settings=(*FOOTAGE, *TRACKS, "pictures"),
        gives=("box_curve",),
        files=("box_moments.json",),
        finish="vidrobust.stages.boxes.pictures:run",
        told="vidrobust.stages.told:boxes",
    ),
    Stage(
        name="remedies",
        sentence="What makes it steadier without training, by how much and at what price.",
        version=1,
        per="run",
        how="tables",
        needs=("stability",),
        settings=(*FOOTAGE, *TRACKS, "revert_within", "max_delay", "labels", "class_map"),
        gives=("remedies",),
        files=("remedies.json",),
        finish="vidrobust.stages.remedies.make:remedies",
        told="vidrobust.stages.remedies.make:summary",
        check="vidrobust.stages.remedies.make:max_delay_ms",
    ),
    Stage(
        name="report",
        sentence="Write report.html and details.html of a run folder.",
        version=2,
        per="run",
        how="tables",
        uses=(
            *("stability", "variation", "sensitivity", "causes", "moments", "correlate", "policy"),
            *("boxes", "remedies"),
        ),
        settings=("pictures",),
        files=("report.html", "details.html"),
        finish="vidrobust.stages.finish:report",
        told="vidrobust.stages.told:report",
    ),
)

BY_NAME = {stage.name: stage for stage in STAGES}
ALL = tuple(stage.name for stage in STAGES)


def with_needs(names: Iterable[str], made: Iterable[str] = ()) -> tuple[Stage, ...]:
    """These stages and all they need, in order; of what they use, what has been ``made`` before or is named."""
    names, made = set(names), set(made)
    wanted: set[str] = set()
    open_ = list(names)
    while open_:
        stage = BY_NAME[open_.pop()]
        wanted.add(stage.name)
        open_ += [n for n in (*stage.needs, *(u for u in stage.uses if u in made)) if n not in wanted]
    return tuple(stage for stage in STAGES if stage.name in wanted)
