"""policy_kornia.py: a module of Kornia augmentations for batches, on any device."""

from __future__ import annotations

import math

from vidrobust.stages.policy.exports import rendered as r
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_kornia.py"

_IMPORTS = '''
from __future__ import annotations

import kornia.augmentation as K
import torch


def train_transform(pixels_per_footage_pixel: float = 1.0) -> torch.nn.Module:
    """Augmentation for training on float32 RGB batches (N, 3, H, W) in [0, 1]; each picture draws its own.

    Put it before normalising. Where pictures were resized before, say by how much for the blur: 0.5 for half the
    size. Shifts are shares of a side.
    """
    return K.AugmentationSequential(
'''

_END = '''        data_keys=["input"],
    )


class Levels(K.IntensityAugmentationBase2D):
    """A change of the levels, here 0 to 1.

    change  (pixels (N, 3, H, W), numbers (N, 1, 1, 1) drawn evenly from low to high) -> pixels
    """

    def __init__(self, change, low, high, p):
        super().__init__(p=p)
        self.change, self.low, self.high = change, low, high

    def apply_transform(self, input, params, flags, transform=None):
        drawn = torch.empty(len(input), 1, 1, 1, device=input.device, dtype=input.dtype)
        return self.change(input, drawn.uniform_(self.low, self.high)).clamp(0.0, 1.0)
'''

_BLUR = '''

def gaussian_blur(low, high, scale, p) -> K.RandomGaussianBlur:
    """Sigma drawn between low and high pixels of the footage, cut at four of them; never quite 0."""
    low, high = max(low * scale, 0.01), max(high * scale, 0.01)
    return K.RandomGaussianBlur(2 * int(4 * high + 0.5) + 1, (low, high), p=p)
'''
_FUNCTIONS = {
    "illumination": '''

def illumination(pixels, deviation):
    """Lighter here, darker there: gain exp(s f), f a smooth random field of mean 0 and standard deviation 1."""
    knots = torch.randn(len(pixels), 1, 6, 6, device=pixels.device, dtype=pixels.dtype)
    field = torch.nn.functional.interpolate(knots, pixels.shape[-2:], mode="bicubic", align_corners=True)
    field = field - field.mean(dim=(2, 3), keepdim=True)
    return pixels * torch.exp(deviation * field / field.std(dim=(2, 3), keepdim=True).clamp_min(1e-6))
''',
    "light_gradient": '''

def light_gradient(pixels, deviation):
    """A lamp to one side: gain exp(s f), f falls off along a line, mean 0 and standard deviation 1."""
    height, width = pixels.shape[-2:]
    turn = 6.283185 * torch.rand(len(pixels), 1, 1, 1, device=pixels.device, dtype=pixels.dtype)
    y = torch.linspace(-1.0, 1.0, height, device=pixels.device, dtype=pixels.dtype).view(1, 1, -1, 1)
    x = torch.linspace(-1.0, 1.0, width, device=pixels.device, dtype=pixels.dtype)
    field = turn.cos() * x + turn.sin() * y
    field = field - field.mean(dim=(2, 3), keepdim=True)
    return pixels * torch.exp(deviation * field / field.std(dim=(2, 3), keepdim=True).clamp_min(1e-6))
''',
    "exposure_offset": """

def exposure_offset(pixels, levels):
    return pixels + levels / 255.0
""",
    "gamma": """

def gamma(pixels, exponent):
    return pixels**exponent
""",
    "white_balance": '''

def white_balance(pixels, ratio):
    """Red and blue in the ratio: red times its root, blue by it, green as it was."""
    root = ratio.sqrt()
    return pixels * torch.cat([root, torch.ones_like(root), 1 / root], dim=1)
''',
    "gaussian_noise": """

def gaussian_noise(pixels, sigma):
    return pixels + torch.randn_like(pixels) * sigma / 255.0
""",
    "shot_noise": '''

def shot_noise(pixels, sigma_at_white):
    """Poisson noise; the strength is its sigma at white."""
    photons_at_white = (255.0 / sigma_at_white.clamp(min=0.01)) ** 2
    return torch.poisson(pixels * photons_at_white) / photons_at_white
''',
    "speckle_noise": """

def speckle_noise(pixels, sigma):
    return pixels * (1.0 + torch.randn_like(pixels) * sigma)
""",
}


def render(policy: Policy) -> r.Export:
    """The module, which runs without vidrobust."""
    body, functions, missing = "", "", []
    for step in r.in_order(policy):
        call = _call(policy, step)
        if call.startswith("!"):
            missing.append(r.cannot(step, call[1:]))
            continue
        body += "".join(f"        # {line}\n" for line in r.why(step)) + f"        {call},\n"
        functions += (
            _BLUR if step.perturbation == "gaussian_blur" else _FUNCTIONS.get(step.perturbation, "")
        )
    start = r.header(policy, "Augmentation recommended by vidrobust, for Kornia.")
    if not body:
        nothing = _IMPORTS.replace(
            "K.AugmentationSequential(", "torch.nn.Identity()  # nothing is recommended"
        )
        text = start + r.listing(missing) + nothing.replace("import kornia.augmentation as K\n", "")
    else:
        text = start + r.listing(missing) + _IMPORTS + body + _END + functions
    return r.Export(name=NAME, text=text, not_expressed=tuple(missing))


def lacks(policy: Policy, step: PolicyStep) -> str:
    """Why Kornia cannot do a step; "" where it can."""
    call = _call(policy, step)
    return call[1:] if call.startswith("!") else ""


def _call(policy: Policy, step: PolicyStep) -> str:
    """The transform of one step as an expression; or "!" and why there is none."""
    (low, high), p = r.in_pixels(policy, step), f"p={step.probability:g}"
    name = step.perturbation
    if name in _FUNCTIONS:
        first, last = r.factors(step) if name in ("gamma", "white_balance") else (low, high)
        return f"Levels({name}, {first}, {last}, {p})"
    if name in ("brightness", "contrast", "saturation"):
        return f"K.ColorJitter({name}={r.factors(step)}, {p})"
    if name == "translation":
        moved = r.shares(policy, step)
        return f"!{r.UNKNOWN_SIZE}" if moved is None else _affine(p, f"0.0, translate={moved}")
    if name == "motion_blur":
        longest = math.floor(high) - (math.floor(high) + 1) % 2
        if longest < 3:
            return "!Kornia smears over odd numbers of pixels from 3"
        return f"K.RandomMotionBlur((3, {longest}), angle=180.0, direction=0.0, border_type='REFLECT', {p})"
    return {
        "hue": f"K.ColorJitter(hue=({r.number(low / 360)}, {r.number(high / 360)}), {p})",
        "rotation": _affine(p, f"({low}, {high})"),
        "scale": _affine(p, f"0.0, scale={r.factors(step)}"),
        "horizontal_flip": f"K.RandomHorizontalFlip(p={r.number(step.probability * high)})",
        "gaussian_blur": f"gaussian_blur({low}, {high}, pixels_per_footage_pixel, {p})",
        "jpeg": f"K.RandomJPEG(({float(max(1, 100 - high))}, {float(max(1, 100 - low))}), {p})",
    }.get(name, "!Kornia has no such augmentation")


def _affine(p: str, ranges: str) -> str:
    return f"K.RandomAffine({ranges}, padding_mode='reflection', resample='bicubic', {p})"
