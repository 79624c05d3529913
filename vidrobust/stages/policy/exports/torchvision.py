"""policy_torchvision.py: a module of torchvision v2 transforms that stands alone."""

from __future__ import annotations

from vidrobust.stages.policy.exports.rendered import (
    UNKNOWN_SIZE,
    Export,
    cannot,
    factors,
    header,
    in_order,
    in_pixels,
    listing,
    number,
    shares,
    why,
)
from vidrobust.stages.policy.policy import Policy, PolicyStep

NAME = "policy_torchvision.py"

_IMPORTS = '''
from __future__ import annotations

import math

import PIL.Image
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional


def train_transform(pixels_per_footage_pixel: float = 1.0) -> v2.Compose:
    """Augmentation for training on uint8 RGB tensors (..., 3, H, W), PIL images and tv_tensors with boxes.

    Put it before resizing and normalising: blur and noise are those of the footage's own pixels. Where pictures
    were resized before, say by how much for the blur: 0.5 for half the size. Shifts are shares of a side.
    """
    return v2.Compose(
        [
'''

_END = """        ]
    )


def uniform(low: float, high: float) -> float:
    return torch.empty(1).uniform_(low, high).item()


def is_picture(inpt) -> bool:
    return not isinstance(inpt, tv_tensors.TVTensor) or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video))


class Levels(v2.Transform):
    \"\"\"A change of the levels 0 to 255 of a picture; boxes and masks pass through.

    change  float tensor (..., 3, H, W) of levels -> the same; results are clipped and rounded
    \"\"\"

    def __init__(self, change):
        super().__init__()
        self.change = change

    def transform(self, inpt, params):
        if not is_picture(inpt):
            return inpt
        pixels = functional.pil_to_tensor(inpt) if isinstance(inpt, PIL.Image.Image) else inpt
        white = 1.0 if pixels.is_floating_point() else 255.0
        levels = self.change(pixels.as_subclass(torch.Tensor).float() * (255.0 / white)).clamp(0.0, 255.0)
        changed = levels / 255.0 if white == 1.0 else levels.round()
        changed = changed.to(pixels.dtype)
        if isinstance(inpt, PIL.Image.Image):
            return functional.to_pil_image(changed)
        return tv_tensors.wrap(changed, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else changed

    _transform = transform  # its name before torchvision 0.21


class MirroredAffine(v2.RandomAffine):
    \"\"\"v2.RandomAffine, but where the picture moves away its mirror image appears, not a black border.\"\"\"

    def __init__(self, degrees=0, **ranges):
        super().__init__(degrees, interpolation=v2.InterpolationMode.BILINEAR, **ranges)

    def transform(self, inpt, params):
        if not is_picture(inpt):
            nearest = v2.InterpolationMode.NEAREST
            return functional.affine(inpt, **params, interpolation=nearest)
        height, width = functional.get_size(inpt)
        margin = self._margin(height, width, **params)
        x, y = min(margin, width - 1), min(margin, height - 1)
        wide = functional.pad(inpt, [x, y, x, y], padding_mode="reflect")
        moved = functional.affine(wide, **params, interpolation=self.interpolation)
        return functional.center_crop(moved, [height, width])

    _transform = transform  # its name before torchvision 0.21

    @staticmethod
    def _margin(height, width, angle, translate, scale, shear):
        turn = math.hypot(height, width) * abs(math.sin(math.radians(angle) / 2))
        shrink = max(height, width) / 2 * max(0.0, 1 / scale - 1)
        lean = max(height, width) / 2 * max(abs(math.tan(math.radians(s))) for s in shear)
        return math.ceil((max(abs(t) for t in translate) + turn + lean) / min(scale, 1.0) + shrink) + 2
"""

_WHITE_BALANCE = '''

def white_balance(levels):
    """Red and blue in the ratio f: red times sqrt(f), blue by it, green as it was."""
    f = uniform({low}, {high})
    return levels * torch.tensor([math.sqrt(f), 1.0, 1 / math.sqrt(f)], device=levels.device).view(3, 1, 1)
'''
_OFFSET = """

def exposure_offset(levels):
    return levels + uniform({low}, {high})
"""
_GAMMA = """

def gamma(levels):
    return 255.0 * (levels / 255.0) ** uniform({low}, {high})
"""
_GAUSSIAN = """

def gaussian_noise(levels):
    return levels + torch.randn_like(levels) * uniform({low}, {high})
"""
_SHOT = '''

def shot_noise(levels):
    """Poisson noise; the strength is its sigma at white."""
    photons_at_white = (255.0 / max(uniform({low}, {high}), 0.01)) ** 2
    return torch.poisson(levels * (photons_at_white / 255.0)) * (255.0 / photons_at_white)
'''
_SPECKLE = """

def speckle_noise(levels):
    return levels * (1.0 + torch.randn_like(levels) * uniform({low}, {high}))
"""
_BLUR = '''

def gaussian_blur(low, high, scale) -> v2.GaussianBlur:
    """Sigma drawn between low and high pixels of the footage, cut at four of them; never quite 0."""
    low, high = max(low * scale, 0.01), max(high * scale, 0.01)
    return v2.GaussianBlur(2 * int(4 * high + 0.5) + 1, sigma=(low, high))
'''
_ILLUMINATION = '''

def illumination(levels):
    """Lighter here, darker there: gain exp(s f), f a smooth random field of mean 0 and standard deviation 1."""
    knots = torch.randn(1, 1, 6, 6)
    size = levels.shape[-2:]
    field = torch.nn.functional.interpolate(knots, size, mode="bicubic", align_corners=True)[0, 0]
    field = (field - field.mean()) / field.std().clamp_min(1e-6)
    return levels * torch.exp(uniform({low}, {high}) * field).to(levels.device)
'''
_GRADIENT = '''

def light_gradient(levels):
    """A lamp to one side: gain exp(s f), f falls off along a line, mean 0 and standard deviation 1."""
    turn, (height, width) = uniform(0.0, 2 * math.pi), levels.shape[-2:]
    y, x = torch.linspace(-1.0, 1.0, height)[:, None], torch.linspace(-1.0, 1.0, width)
    field = math.cos(turn) * x + math.sin(turn) * y
    field = (field - field.mean()) / field.std().clamp_min(1e-6)
    return levels * torch.exp(uniform({low}, {high}) * field).to(levels.device)
'''
_FUNCTIONS = {
    "illumination": _ILLUMINATION,
    "light_gradient": _GRADIENT,
    "white_balance": _WHITE_BALANCE,
    "exposure_offset": _OFFSET,
    "gamma": _GAMMA,
    "gaussian_noise": _GAUSSIAN,
    "shot_noise": _SHOT,
    "speckle_noise": _SPECKLE,
}


def render(policy: Policy) -> Export:
    body, functions, missing = "", "", []
    for step in in_order(policy):
        call = _call(policy, step)
        if call is None:
            missing.append(cannot(step, _reason(policy, step)))
            continue
        body += "".join(f"            # {line}\n" for line in why(step))
        body += f"            v2.RandomApply([{call}], p={step.probability:g}),\n"
        if step.perturbation == "gaussian_blur":
            functions += _BLUR
        if step.perturbation in _FUNCTIONS:
            relative = step.perturbation in ("white_balance", "gamma")
            low, high = factors(step) if relative else (number(step.low), number(step.high))
            functions += _FUNCTIONS[step.perturbation].format(low=low, high=high)
    body = body or "            v2.Identity(),  # nothing is recommended\n"
    start = header(policy, "Augmentation recommended by vidrobust, for torchvision.transforms.v2.")
    return Export(
        name=NAME,
        text=start + listing(missing) + _IMPORTS + body + _END + functions,
        not_expressed=tuple(missing),
    )


def _call(policy: Policy, step: PolicyStep) -> str | None:
    low, high = in_pixels(policy, step)
    name = step.perturbation
    if name in _FUNCTIONS:
        return f"Levels({name})"
    if name in ("brightness", "contrast", "saturation"):
        return f"v2.ColorJitter({name}={factors(step)})"
    if name == "hue":
        return f"v2.ColorJitter(hue=({number(low / 360)}, {number(high / 360)}))"
    if name == "translation":
        moved = shares(policy, step)
        return None if moved is None else f"MirroredAffine(translate={moved})"
    if name == "shear":
        slides = (f"({low}, {high}, 0.0, 0.0)", f"(0.0, 0.0, {low}, {high})")
        return "v2.RandomChoice([" + ", ".join(f"MirroredAffine(shear={s})" for s in slides) + "])"
    return {
        "rotation": f"MirroredAffine(degrees=({low}, {high}))",
        "scale": f"MirroredAffine(scale={factors(step)})",
        "horizontal_flip": f"v2.RandomHorizontalFlip(p={high})",
        "gaussian_blur": f"gaussian_blur({low}, {high}, pixels_per_footage_pixel)",
        "jpeg": f"v2.JPEG(quality=({max(1, round(100 - high))}, {max(1, round(100 - low))}))",
    }.get(name)


def _reason(policy: Policy, step: PolicyStep) -> str:
    if step.perturbation == "translation" and policy.image_size is None:
        return UNKNOWN_SIZE
    return "torchvision has no such transform"
