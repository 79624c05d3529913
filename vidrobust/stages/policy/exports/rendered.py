"""What an export is, and how ranges of the catalogue become numbers of a library."""

from __future__ import annotations

from dataclasses import dataclass

from vidrobust.stages.policy.policy import Policy, PolicyStep
from vidrobust.stages.variation.spread import OF_WIDTH


@dataclass(frozen=True, kw_only=True)
class Export:
    """One file of a policy for one library; ``not_expressed`` says what the format cannot."""

    name: str
    text: str
    not_expressed: tuple[str, ...] = ()


def factor(strength: float) -> float:
    """The factor of a signed relative strength: 1 + s, and 1 / (1 + |s|) below zero, as in the catalogue."""
    return 1 + strength if strength >= 0 else 1 / (1 - strength)


def factors(step: PolicyStep) -> tuple[float, float]:
    return number(factor(step.low)), number(factor(step.high))


def even(step: PolicyStep) -> float:
    """The largest h so that 1 - h to 1 + h lies inside the step's factors, for formats that know no other."""
    return number(max(0.0, min(1 - factor(step.low), factor(step.high) - 1)))


def shares(policy: Policy, step: PolicyStep) -> tuple[float, float] | None:
    """The largest shift along x and y as shares of width and height; None where the shape is unknown."""
    if policy.image_size is None:
        return None
    height, width = policy.image_size
    x, y = step.axes or (max(abs(step.low), abs(step.high)),) * 2
    return number(min(1.0, x)), number(min(1.0, y * width / height))


def in_pixels(policy: Policy, step: PolicyStep) -> tuple[float, float]:
    """The range of a step in pixels of a typical clip."""
    width = policy.image_size[1] if policy.image_size is not None and step.unit == OF_WIDTH else 1
    return number(step.low * width), number(step.high * width)


def number(value: float) -> float:
    return float(f"{value:.6g}")


def why(step: PolicyStep) -> list[str]:
    range_ = f"{step.perturbation}: {step.low:g} to {step.high:g} {step.unit}, probability {step.probability:g}"
    return [range_, step.sentence or "see policy.json"]


UNKNOWN_SIZE = "translation: the footage's shape is unknown, so a share of its width cannot become one of its height"


def cannot(step: PolicyStep, reason: str) -> str:
    return f"{step.perturbation} ({step.low:g} to {step.high:g} {step.unit}): {reason}"


# Of the families, as light passes them: the scene moves, the lens blurs, the sensor adds, the codec takes.
ORDER = ("geometry", "blur", "light", "colour", "noise", "compression")


def in_order(policy: Policy) -> list[PolicyStep]:
    """The steps that were tried or found again, in the order in which a camera would do them."""
    last = len(ORDER)
    return sorted(
        policy.actions, key=lambda s: ORDER.index(s.family) if s.family in ORDER else last
    )


def header(policy: Policy, title: str) -> str:
    """The opening lines of a file."""
    size = (
        "unknown"
        if policy.image_size is None
        else f"{policy.image_size[1]} x {policy.image_size[0]} px (w x h)"
    )
    lines = [
        title,
        f"Model: {policy.model or 'not named'}. Footage: {size}.",
        "Ranges: the spread of the condition over the footage.",
        "Evidence for each step: policy.json.",
        f"Kept for testing the trained model: {', '.join(policy.evaluation_only) or 'nothing'}.",
    ]
    if policy.trial:
        lines.append(f"Measured: after training with it, {policy.trial}.")
    if not policy.actions:
        lines.append("No augmentation is recommended; policy.json says why not.")
    if policy.suggestions:
        worth = "; ".join(step.in_words for step in policy.suggestions)
        lines.append(
            f"Worth trying, but not settled, and so not in this file (policy.json, suggested): {worth}."
        )
    return "\n".join(f"# {line}".rstrip() for line in lines) + "\n"


def listing(not_expressed: list[str]) -> str:
    if not not_expressed:
        return "# Everything in the policy is expressed here.\n"
    return "# Not expressed here:\n" + "".join(f"#   {line}\n" for line in not_expressed)
