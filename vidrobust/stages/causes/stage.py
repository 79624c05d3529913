"""The stage ``causes``: pairs are replayed once for all models, and make the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vidrobust.pipeline.stage import Context, Found, Look, Read, SampleStage, Trim
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.transitions.stage import FOOTAGE, TRANSITIONS
from vidrobust.statement import Question
from vidrobust.statistics.levels import FEWEST_ROWS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from vidrobust.frames.batch import VideoInfo
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings
    from vidrobust.stages.causes.candidate_fits import Candidate
    from vidrobust.stages.causes.pair_replays import PairReplays
    from vidrobust.stages.causes.pairs import Pictures
    from vidrobust.stages.causes.places import PlacesToMap
    from vidrobust.stages.causes.scene import ShownMotion
    from vidrobust.video.source import VideoSource


class CausesStage(SampleStage):
    """Why the output changed: measured changes replayed one by one, and the account of causes."""

    name = "causes"
    version = 40
    per = "model"
    needs = (TRANSITIONS, STABILITY)
    settings = (*FOOTAGE, "seed", "pictures")
    summary_settings = ("pairs", "budget", "only", "ignore", "entry_line")
    unit_tables = (
        *("causes", "candidate_fits", "place_causes", "place_candidate_fits"),
        *("places", "strips"),
    )
    tables = (
        *("account", "account_by", "named"),
        *("place_account", "place_account_by", "place_named"),
    )
    budgeted = "pairs"
    step = "pairs"
    grows = True
    question = Question.WHY

    def least(self, settings: Settings) -> dict[str, int]:
        """Return the fewest pairs of which an account is given."""
        return {"pairs": FEWEST_ROWS}

    def extra_key(self, settings: Settings, model: Model | None) -> Any:
        assert model is not None, "a unit per model has one"
        from vidrobust.metrics.catalogue import is_detector, plugin_of

        if not is_detector(model):
            brought = plugin_of(model.task)
            return {"task": brought} if brought else {}
        # which boxes count: their scores, classes and places
        start, keep = settings.track_start_score, settings.track_keep_score
        return {"track_start_score": start, "track_keep_score": keep, **settings.chosen_boxes}

    def work(self, context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
        import pandas as pd

        from vidrobust.stages.causes.pairs import factor_of, new_pairs
        from vidrobust.tables import schema as tables

        chosen = new_pairs(context)
        lines: dict[str, list[dict[str, object]]] = {name: [] for name in self.unit_tables}
        # a model's numbers do not depend on which others are asked besides
        alike: dict[int, list[Model]] = {}
        for model in models:
            alike.setdefault(factor_of(model, source.info), []).append(model)
        for factor, some in alike.items():
            self._replay(context, source, some, chosen, factor, lines)
        whole = {
            name: pd.DataFrame(rows) if rows else tables.empty(name) for name, rows in lines.items()
        }
        return {
            model.name: (
                {name: table[table["model"] == model.name] for name, table in whole.items()},
                {"pairs": int((chosen[model.name]["weight"] > 0).sum())},
            )
            for model in models
        }

    def _replay(
        self,
        context: Context,
        source: VideoSource,
        models: Sequence[Model],
        chosen: Mapping[str, pd.DataFrame],
        factor: int,
        rows_of: dict[str, list[dict[str, object]]],
    ) -> None:
        """Add the rows of models that see pairs reduced alike."""
        from functools import partial

        from vidrobust.stages.causes.candidate_fits import predicts
        from vidrobust.stages.causes.pairs import (
            PAIR,
            gathered,
            numbers_before,
            side_by_side,
            together,
        )
        from vidrobust.stages.causes.places import PlacesToMap
        from vidrobust.stages.causes.recoded import LEAD, quantizer_of
        from vidrobust.stages.causes.shares import ADJACENT

        own_pairs = {model.name: chosen[model.name] for model in models}
        weights = {name: mine.set_index(PAIR)["weight"] for name, mine in own_pairs.items()}
        pairs = together(own_pairs)
        most = max((int((mine["weight"] > 0).sum()) for mine in own_pairs.values()), default=0)
        expected = most * len(models) / len(chosen)
        some = list(pairs.itertuples())
        quantizer = float("nan")
        if predicts(source.info.codec) and len(some):
            last = max(int(pair.frame_a) for pair in some)
            numbers = numbers_before(context.need_transitions(), last, 2 * LEAD)
            quantizer = quantizer_of(
                context.item.path, lambda: list(source.at(numbers).pictures) if numbers else []
            )
        replays = side_by_side(
            source,
            context.need_transitions(),
            [(int(pair.frame_a), int(pair.frame_b)) for pair in some],
            partial(_replayed, codec=source.info.codec, factor=factor, quantizer=quantizer),
            [str(pair.stratum) for pair in some],
            [pair.scale == ADJACENT for pair in some],
            [pair.weight > 0 for pair in some],
            factor=factor,
            lead=LEAD if predicts(source.info.codec) else 0,
        )
        maps = {model.name: PlacesToMap(factor) for model in models}
        at_once = gathered(source.info, factor)
        for start in range(0, len(some), at_once):
            group = [(pair, next(replays)) for pair in some[start : start + at_once]]
            for model in models:
                mine = weights[model.name]
                of_model = [
                    (float(mine.loc[key]), pair, replayed)
                    for pair, replayed in group
                    if (key := (pair.scale, pair.frame_a, pair.frame_b)) in mine.index
                ]
                self._ask(
                    context, source.info.delivered_on, model, of_model, maps[model.name], rows_of
                )
            # more are replayed than one model asks for: those of the others, and flips for their strips
            done = [int(k * expected / len(pairs)) for k in (start, start + len(group))]
            if done[1] > done[0]:
                context.advance(done[1] - done[0])
            del group, of_model  # or their pictures would be held while the next ones are made
        for model in models:

            def ask(
                pictures: tuple[np.ndarray, ...],
                motions: tuple[ShownMotion, ...],
                model: Model = model,
            ) -> np.ndarray:
                shown = ShownPictures(pictures, motions)
                (reply,) = _replies(model, [shown], source.info.delivered_on)
                return next(_seen(model, shown, reply, context.settings))[1]

            rows_of["places"] += maps[model.name].rows(ask)

    def _ask(
        self,
        context: Context,
        device: str,
        model: Model,
        pairs: Sequence[tuple[float, Any, ReplayedPair]],
        places: PlacesToMap,
        rows_of: dict[str, list[dict[str, object]]],
    ) -> None:
        """Add the rows of one model, which sees the pictures of all these weighted pairs together."""
        from vidrobust.metrics.catalogue import is_classifier
        from vidrobust.stages.causes import candidate_fits, score
        from vidrobust.stages.causes.shares import ADJACENT
        from vidrobust.stages.causes.strips import rows_of_flip

        replies = iter(_replies(model, [pair.shown for weight, _, pair in pairs if weight], device))
        strips = context.settings.pictures and is_classifier(model)
        for weight, pair, replayed in pairs:
            of_pair = {"item": context.item.name, "frame_a": pair.frame_a, "frame_b": pair.frame_b}
            of_pair |= {"scale": pair.scale, "time_s": pair.time_s, "weight": weight}
            named = {**of_pair, "model": model.name}
            if weight == 0:
                rows_of["strips"] += rows_of_flip(replayed.made, model, named, device)
                continue
            for prefix, z, labels, names in _seen(
                model, replayed.shown, next(replies), context.settings
            ):
                rows = score.score(replayed.made, model, (z, labels), names=names)
                rows_of[f"{prefix}causes"] += [{**of_pair, **row} for row in rows]
                if not prefix and replayed.made.steps and pair.scale == ADJACENT:
                    explains = weight * rows[0]["squared_change"]
                    if explains > 0:
                        places.add(explains, named, replayed.made)
                if strips and rows[0]["flip"] and pair.scale == ADJACENT:
                    rows_of["strips"] += rows_of_flip(replayed.made, model, named, device)
                rows = candidate_fits.rows(replayed.made, replayed.fitted, z)
                rows_of[f"{prefix}candidate_fits"] += [{**named, **row} for row in rows]

    def frames_needed(self, context: Context) -> Sequence[int]:
        from vidrobust.stages.causes.candidate_fits import predicts
        from vidrobust.stages.causes.pairs import frames_shown, new_pairs, together
        from vidrobust.stages.causes.recoded import LEAD

        transitions, pairs = context.need_transitions(), together(new_pairs(context))
        lead = LEAD if predicts(context.info.codec) else 0
        numbers = zip(pairs["frame_a"].tolist(), pairs["frame_b"].tolist(), strict=True)
        return [frame for a, b in numbers for frame in frames_shown(transitions, a, b, lead)]

    def trim(self, read: Read, content: str, settings: Settings, count: int) -> Trim:
        from vidrobust.stages.causes.pairs import trimmed_to

        return trimmed_to(read, content, settings.seed, count)

    def steps(self, settings: Settings) -> float:
        from vidrobust.stages.causes.pairs import SECOND_SHARE

        return 1 + 1 / SECOND_SHARE

    def at_once(self, info: VideoInfo, models: Sequence[Model]) -> int:
        from vidrobust.stages.causes.pairs import abreast, factor_of

        return min(abreast(info, factor_of(model, info)) for model in models)

    def conclude(self, run: OpenRun, looks: Sequence[Look]) -> None:
        from vidrobust.stages.causes.naming import conclude

        conclude(run, looks)

    def undecided(self, run: OpenRun) -> bool:
        from vidrobust.stages.causes.naming import undecided

        return undecided(run)

    def as_json(self, run: OpenRun) -> Any:
        return run.folder.rows("account")


class ShownPictures(NamedTuple):
    """Pictures shown to a model, the pair's frames first, and how what each of them shows has moved."""

    pictures: tuple[np.ndarray, ...]
    motions: tuple[ShownMotion, ...]
    backwards: bool = False


class ReplayedPair(NamedTuple):
    """A pair's replays, the candidates fitted to them, and all their pictures."""

    made: PairReplays
    fitted: list[Candidate]
    shown: ShownPictures


def _replayed(
    pictures: Pictures,
    *more: Any,
    codec: str,
    factor: int,
    quantizer: float,
) -> ReplayedPair:
    import math

    from vidrobust.stages.causes.candidate_fits import candidates, motions, predicts
    from vidrobust.stages.causes.pair_replays import study_pair, study_strip
    from vidrobust.stages.causes.pairs import KEYFRAME
    from vidrobust.stages.causes.recoded import recoded

    *ahead, stratum, adjacent, counts = more
    if not counts:  # for its strip alone
        made = study_strip(*pictures, keyframe=stratum == KEYFRAME, factor=factor)
        return ReplayedPair(made, [], ShownPictures((), ()))
    again: tuple[np.ndarray, ...] = ()
    if adjacent and ahead and ahead[0] and not math.isnan(quantizer) and stratum != KEYFRAME:
        again = recoded([*ahead[0], *pictures[1:3]], quantizer)
    made = study_pair(
        *pictures,
        keyframe=stratum == KEYFRAME,
        coded=bool(predicts(codec)),
        again=again,
        factor=factor,
    )
    asked, fitted = candidates(made, codec)
    shown = ShownPictures(asked, motions(made, fitted), made.reversed)
    return ReplayedPair(made, fitted, shown)


def _replies(model: Model, pairs: Sequence[ShownPictures], device: str) -> list[Any]:
    """Return a model's answers to the pictures of each pair, of which it sees all together."""
    from itertools import accumulate, pairwise

    from vidrobust.metrics.catalogue import is_detector
    from vidrobust.models.detection.network import answers as box_answers
    from vidrobust.stages.causes.score import answers

    if not pairs:
        return []
    pictures = tuple(picture for pair in pairs for picture in pair.pictures)
    ends = accumulate((len(pair.pictures) for pair in pairs), initial=0)
    if is_detector(model):
        boxes = box_answers(model, pictures, device)
        return [boxes[start:end] for start, end in pairwise(ends)]
    predictions = answers(model, pictures, device)
    if len(pairs) == 1:
        return [predictions]
    return [predictions.select(range(start, end)) for start, end in pairwise(ends)]


def _seen(
    model: Model, pair: ShownPictures, reply: Any, settings: Settings
) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]]:
    # A classifier has one, of its classes; a detector two: of its scores, with the states of what is followed
    # for labels, and of its boxes' places, which have no labels.
    # Any other task has one, of the coordinates that its record names, and no labels.
    import numpy as np

    from vidrobust.metrics.catalogue import is_classifier, task_of
    from vidrobust.stages.causes.boxes import seen_boxes
    from vidrobust.stages.causes.score import seen_in

    task = task_of(model.task)
    scores, *places = task.accounts
    if is_classifier(model):
        yield (scores, *seen_in(reply), model.class_names)
        return
    if task.coordinates is not None:
        z = task.coordinates(reply, pair.motions, pair.pictures[0].shape[:2])
        yield scores, z, np.zeros(len(pair.pictures), np.int64), ("",)
        return
    seen = seen_boxes(
        model,
        pair.pictures,
        pair.motions,
        reply,
        backwards=pair.backwards,
        start_score=settings.track_start_score,
        keep_score=settings.track_keep_score,
        only=settings.only,
        ignored=settings.ignored_zones,
    )
    yield scores, seen.z, seen.states, seen.names
    yield places[0], seen.places, np.zeros(len(pair.pictures), np.int64), ("",)


CAUSES = CausesStage()
