"""Every statistic of the report in plain words, with an example; ``docs/glossary.md`` is made of the same rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A term of the report, what it means, and an example with numbers."""

    word: str
    meaning: str
    example: str


GLOSSARY = (
    Word(
        "label flip",
        "The leading class of a frame is another one in the next frame. The flip rate is the share of usable "
        "neighbouring pairs with a flip.",
        "12 flips in 480 pairs are a rate of 2.5 %, or 1 in 40.",
    ),
    Word(
        "revert flip (A B A)",
        "The label leaves and is back within a few frames. One of the two answers is certainly wrong.",
        "bolt, nut, bolt in three neighbouring frames.",
    ),
    Word(
        "95 % interval",
        "What the true rate may be, given how little footage there is. It counts separate stretches of footage or "
        "whole clips, never single frames, since neighbouring frames are nearly copies.",
        "2.5 % [1.1, 4.8]: were the study made again with other footage of this kind, 95 of 100 such intervals "
        "would hold the rate.",
    ),
    Word(
        "one in so many",
        "A rate turned round. Where no event was seen there is only an upper limit.",
        "2.5 % is 1 in 40; none in 480 pairs may still be 1 in 100.",
    ),
    Word(
        "total variation",
        "By how much the prediction shifts: half the sum of the absolute differences of the probabilities.",
        "bolt .7, nut .3 and then bolt .4, nut .6: the prediction shifts by 30 %.",
    ),
    Word(
        "jitter",
        "How much probabilities, scores or boxes shake about a steady drift, over three frames. A slow drift "
        "costs nothing.",
        ".5, .6, .7 has none; .5, .7, .5 has much.",
    ),
    Word(
        "Jensen-Shannon divergence",
        "How far apart two predictions are, in bits: 0 the same, 1 nothing in common.",
        "(.5, .5) and (1, 0) are .31 bits apart.",
    ),
    Word(
        "top-5 distance",
        "How far the five leading classes move in the ranking; 0 if none moves, 18 at most.",
        "The first and the second change places: 2 (one step each).",
    ),
    Word(
        "entropy",
        "How undecided a prediction is: 0 where one class has everything.",
        "(.5, .5) has 1 bit, (.99, .01) has .08.",
    ),
    Word(
        "dropout",
        "A frame in which an object that is followed has no box, between two frames in which it has one.",
        "A bottle is found in frames 1 to 9 and 11 to 20: frame 10 is a dropout, 1 in 20.",
    ),
    Word(
        "numerical error (noise floor)",
        "The same picture tested again in other batches and positions. A flip no larger than that may be "
        "numerical error, and is counted apart.",
        "The same picture tested 72 times: the prediction shifts by .00003 % at most.",
    ),
    Word(
        "account of causes",
        "Of the change of a model's output between neighbouring frames, the share that each measured change makes "
        "when it is played again alone: light, colour, camera, objects and so on. The rest is not explained.",
        "camera 52 % [40, 63]: moving the picture alone, as the camera did, does half of what happened.",
    ),
    Word(
        "only this",
        "The part of a cause's share that the same change in a wrong direction does not do.",
        "camera 52 %, only this 30 %: any motion of that size does 22 %.",
    ),
    Word(
        "sensitivity",
        "What a synthetic change of a known strength does to a clean frame.",
        "A brightness change of 20 % flips the label of 6 % of the frames.",
    ),
    Word(
        "variation",
        "How far two frames of the footage differ, from pixels alone: median, 95th and 99th percentile.",
        "shift, p95 1.2 px: of twenty pairs of neighbours one moves further than that.",
    ),
    Word(
        "proxy",
        "A lab test that predicts the line: clips, frames or models that are sensitive to it are also unstable in "
        "the footage, beyond what low confidence explains anyway.",
        "Across 40 clips, sensitivity to blur and the flip rate have a partial rank correlation of .5 [.2, .7].",
    ),
    Word(
        "Spearman, Kendall, partial correlation",
        "Agreement of two rankings, from -1 to 1; partial: with what a third quantity explains taken off.",
        "Five clips in the same order by blur and by flips: 1. In opposite order: -1.",
    ),
    Word(
        "p and q",
        "p: how often chance alone does as much. q: the same where many questions are asked at once "
        "(Benjamini-Hochberg).",
        "20 tests of nothing: one of them has p below .05, and none should have q below .05.",
    ),
    Word(
        "kappa",
        "Agreement beyond chance: 1 is perfect, 0 what chance gives. By common practice .9 is good, below .7 bad.",
        "90 % agreement where chance gives 50 %: kappa .8.",
    ),
    Word(
        "found again",
        "A conclusion tested on clips that did not make it.",
        "found again in 4 of 5 clips; or: not tested, one clip.",
    ),
    Word(
        "gauge R&R",
        "How much of the spread of measurements is the measuring: the same part again (repeatability), another "
        "operator, camera or model (reproducibility).",
        "%GRR 12: of the spread of all parts the measuring makes 12 %.",
    ),
)
"""In the order in which a reader meets them."""


def page() -> str:
    """The glossary as Markdown: ``docs/glossary.md``."""
    lines = [
        "# Glossary",
        "",
        "The words of the report, each with an example.",
        "",
        "| word | meaning | example |",
        "|---|---|---|",
    ]
    lines += [f"| {each.word} | {each.meaning} | {each.example} |" for each in GLOSSARY]
    return "\n".join(lines) + "\n"
