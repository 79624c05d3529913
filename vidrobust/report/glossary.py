"""Words of the report, and names of perturbations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    word: str
    meaning: str
    example: str


# In the order in which a reader meets them.
GLOSSARY = (
    Word(
        "label flip",
        "The label of a frame differs from the label of the next frame. The flip rate is the share of "
        "usable pairs of neighbouring frames that flip.",
        "12 flips in 480 pairs: a rate of 2.5 %, or 1 in 40.",
    ),
    Word(
        "revert flip (A B A)",
        "The label changes and returns within a few frames. At least one of the two labels is wrong.",
        "bolt, nut, bolt in three neighbouring frames.",
    ),
    Word(
        "95 % interval",
        "The range of rates that the footage is compatible with. It counts separate stretches of footage or "
        "whole clips, because neighbouring frames are nearly copies.",
        "2.5 % [1.1, 4.8]: of 100 studies on footage of this kind, about 95 give an interval that contains "
        "the true rate.",
    ),
    Word(
        "1 in N",
        "Another way to write a rate. If no event was seen, there is only an upper limit.",
        "2.5 % is 1 in 40. No flip in 480 pairs may still mean 1 in 100.",
    ),
    Word(
        "total variation",
        "The distance between two predictions: half the sum of the absolute differences of the "
        "probabilities.",
        "bolt .7, nut .3, then bolt .4, nut .6: the prediction shifts by 30 %.",
    ),
    Word(
        "jitter",
        "How much probabilities, scores or boxes vary around a steady drift, over three frames. A slow "
        "drift has no jitter.",
        ".5, .6, .7 has none; .5, .7, .5 has much.",
    ),
    Word(
        "Jensen-Shannon divergence",
        "The distance between two predictions in bits: 0 if they are equal, 1 if they share nothing.",
        "(.5, .5) and (1, 0) are .31 bits apart.",
    ),
    Word(
        "top-5 distance",
        "How far the five leading classes move in the ranking, from 0 to 18.",
        "The first and the second class swap: 2 (one step each).",
    ),
    Word(
        "entropy",
        "How undecided a prediction is: 0 if one class has all the probability.",
        "(.5, .5) has 1 bit, (.99, .01) has .08.",
    ),
    Word(
        "dropout",
        "A frame in which a tracked object has no box, between two frames in which it has one.",
        "A bottle is found in frames 1 to 9 and 11 to 20: frame 10 is a dropout, 1 in 20.",
    ),
    Word(
        "numerical error (noise floor)",
        "The difference when the same picture is tested again, in other batches and positions. A flip that "
        "is no larger may be numerical error and is counted apart.",
        "The same picture tested 72 times: the prediction shifts by .00003 % at most.",
    ),
    Word(
        "account of causes",
        "How much of the change in a model's output each measured change reproduces when it is replayed "
        "alone: light, colour, camera, objects and so on. The rest is unexplained.",
        "camera 52 % [40, 63]: moving the picture as the camera moved reproduces half of the change.",
    ),
    Word(
        "only this",
        "The part of a cause's share that a change of the same size in a wrong direction does not reproduce.",
        "camera 52 %, only this 30 %: any motion of that size reproduces 22 %.",
    ),
    Word(
        "sensitivity",
        "The effect of a synthetic change of known strength on a clean frame.",
        "A brightness change of 20 % flips the label of 6 % of the frames.",
    ),
    Word(
        "variation",
        "How much two frames of the footage differ, measured from pixels: median, 95th and 99th percentile.",
        "shift, p95 1.2 px: 1 in 20 pairs of neighbouring frames moves further.",
    ),
    Word(
        "proxy",
        "A perturbation that predicts instability: clips, frames or models that are sensitive to it are "
        "also unstable in the footage, beyond what low confidence explains.",
        "Across 40 clips, sensitivity to blur and the flip rate have a partial rank correlation of .5 [.2, "
        ".7].",
    ),
    Word(
        "Spearman, Kendall, partial correlation",
        "Agreement of two rankings, from -1 to 1. Partial: after removing what a third quantity explains.",
        "Five clips in the same order by blur and by flips: 1. In opposite order: -1.",
    ),
    Word(
        "p and q",
        "p: how often chance alone gives a result at least as large. q: the same, corrected for the number "
        "of questions (Benjamini-Hochberg).",
        "20 tests without an effect: on average one has p below .05; rarely does one have q below .05.",
    ),
    Word(
        "kappa",
        "Agreement beyond chance: 1 is perfect, 0 is chance. By common practice .9 is good and below .7 is "
        "poor.",
        "90 % agreement where chance gives 50 %: kappa .8.",
    ),
    Word(
        "found again",
        "A conclusion was tested on clips, or a part of the footage, that did not produce it.",
        "found again in 4 of 5 clips; or: not tested, one clip.",
    ),
    Word(
        "gauge R&R",
        "How much of the spread of measurements comes from measuring: the same part again (repeatability), "
        "another operator, camera or model (reproducibility).",
        "%GRR 12: measuring makes 12 % of the total spread.",
    ),
)


@dataclass(frozen=True)
class Phrase:
    noun: str
    family: str
    unit: str


def phrase(key: str) -> Phrase:
    """The words of a perturbation; of one that is not installed here, from its name."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    if key in PERTURBATIONS:
        entry = PERTURBATIONS[key]
        return Phrase(entry.noun, str(entry.family), entry.unit)
    suite, _, name = key.rpartition(":")
    noun = name.replace("_", " ")
    return Phrase(f"{noun} of {suite}" if suite else noun, "other", "strength")


def saying(key: str, strength: float) -> str:
    """The perturbation at a strength, as the subject of a sentence."""
    from vidrobust.perturb.catalogue import PERTURBATIONS

    if key in PERTURBATIONS:
        return PERTURBATIONS[key].said(strength)
    return f"{phrase(key).noun} at strength {strength:g}"
