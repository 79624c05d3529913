"""Folders laid out as the authors of ImageNet, ImageNet-C and ImageNet-P lay theirs out, from pictures at hand."""

from PIL import Image

from tests.made_frames import film
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.corruptions import crop_224
from vidrobust.plugins.published.perturbations.sequences import SEQUENCES


def imagenet(folder, pictures, *, suffix=".png"):
    """CLASS/NAME, 224 px."""
    for name, (wnid, picture) in pictures.items():
        _save(folder / wnid / f"{name}{suffix}", crop_224(picture))
    return folder


def imagenet_c(folder, pictures, corruptions):
    """GROUP/CORRUPTION/STRENGTH/CLASS/NAME, or without GROUP where it is empty; lossless."""
    for corruption, group in corruptions.items():
        entry = find(f"imagenet-c:{corruption}")
        for number, strength in enumerate(entry.strengths, 1):
            for name, (wnid, picture) in pictures.items():
                changed = entry.apply(crop_224(picture)[None], strength, [from_seed(0)])[0]
                _save(folder / group / corruption / str(number) / wnid / f"{name}.png", changed)
    return folder


def imagenet_p(folder, pictures, sequences):
    """SEQUENCE/CLASS/NAME.mp4."""
    for sequence in sequences:
        for name, (wnid, picture) in pictures.items():
            path = folder / sequence / wnid / f"{name}.mp4"
            frames = SEQUENCES[sequence].frames(crop_224(picture), from_seed(0))
            rows = [frame.permute(1, 2, 0).contiguous().numpy() for frame in frames]
            film(path, rows, "mpeg4", rate=10)
    return folder


def _save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.permute(1, 2, 0).contiguous().cpu().numpy()).save(path)
