"""What the augmentations of other libraries are in the words of the catalogue: tables only.

Names of classes are in lower case without underscores; values are perturbations, or families where the
catalogue has nothing closer.
"""

from __future__ import annotations

from collections.abc import Mapping

_FOUR = {name: (name,) for name in ("brightness", "contrast", "saturation", "hue")}

BY_ARGUMENT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "colorjitter": _FOUR,
    "colorjiggle": _FOUR,
    "randombrightnesscontrast": {
        "brightness_limit": ("brightness", "exposure_offset"),
        "contrast_limit": ("contrast",),
    },
    "huesaturationvalue": {
        "hue_shift_limit": ("hue",),
        "sat_shift_limit": ("saturation",),
        "val_shift_limit": ("brightness", "exposure_offset"),
    },
    "randomaffine": {
        "degrees": ("rotation",),
        "translate": ("translation",),
        "scale": ("scale",),
        "shear": ("shear",),
    },
    "mirroredaffine": {  # of an exported policy
        "degrees": ("rotation",),
        "translate": ("translation",),
        "scale": ("scale",),
        "shear": ("shear",),
    },
    "affine": {
        "rotate": ("rotation",),
        "translate_percent": ("translation",),
        "translate_px": ("translation",),
        "scale": ("scale",),
        "shear": ("shear",),
    },
    "shiftscalerotate": {
        "shift_limit": ("translation",),
        "shift_limit_x": ("translation",),
        "shift_limit_y": ("translation",),
        "scale_limit": ("scale",),
        "rotate_limit": ("rotation",),
    },
}
"""Transforms whose arguments say what they do."""

LEFT_OUT: Mapping[str, Mapping[str, object]] = {
    "randombrightnesscontrast": {"brightness_limit": 0.2, "contrast_limit": 0.2},
    "huesaturationvalue": {"hue_shift_limit": 20, "sat_shift_limit": 30, "val_shift_limit": 20},
    "shiftscalerotate": {"shift_limit": 0.0625, "scale_limit": 0.1, "rotate_limit": 45},
}
"""Their values where an argument is left out, if that is not "off"."""

POSITIONAL: Mapping[str, tuple[str, ...]] = {
    "colorjitter": ("brightness", "contrast", "saturation", "hue"),
    "colorjiggle": ("brightness", "contrast", "saturation", "hue"),
    "randomaffine": ("degrees", "translate", "scale", "shear"),
    "randombrightnesscontrast": ("brightness_limit", "contrast_limit"),
    "huesaturationvalue": ("hue_shift_limit", "sat_shift_limit", "val_shift_limit"),
    "shiftscalerotate": ("shift_limit", "scale_limit", "rotate_limit"),
}

_SEVERAL: Mapping[tuple[str, ...], str] = {
    ("brightness",): "randombrightness multiplicativebrightness adjustbrightness illumination",
    ("contrast",): "randomcontrast autocontrast randomautocontrast equalize randomequalize clahe randomclahe",
    ("gamma",): "randomgamma randomtonecurve adjustgamma",
    ("light",): "solarize randomsolarize solarizeadd randominvert invertimg invert",
    ("saturation",): "randomsaturation randomgrayscale togray tosepia desaturate chromaticaberration",
    ("hue",): "randomhue",
    ("white_balance",): "rgbshift planckianjitter randomplanckianjitter randomrgbshift",
    ("colour",): "channelshuffle randomchannelshuffle channeldropout randomchannelpermutation fancypca",
    ("brightness", "contrast", "saturation", "hue"): "randomphotometricdistort photometricdistort",
    ("quantization",): "posterize randomposterize",
    ("translation",): "randomcrop randomtranslate padandcrop cropandpad bboxsaferandomcrop",
    (
        "translation",
        "scale",
    ): "randomresizedcrop randomsizedcrop randomioucrop fixedsizecrop randomsizedbboxsafecrop",
    ("scale",): "randomscale scalejitter randomzoomout randomshortestsize randomresize",
    ("rotation",): "randomrotation rotate saferotate randomrotate90 randomrotation90 transpose d4",
    ("shear",): "randomshear",
    ("perspective",): "randomperspective perspective",
    ("horizontal_flip",): "randomhorizontalflip horizontalflip flip randomflip",
    ("geometry",): (
        "randomverticalflip verticalflip elastictransform randomelastictransform griddistortion "
        "opticaldistortion piecewiseaffine randomthinplatespline randomfisheye thinplatespline"
    ),
    ("gaussian_blur",): "gaussianblur randomgaussianblur gaussianblurrand",
    ("motion_blur",): "motionblur randommotionblur",
    ("defocus_blur",): "defocus blur randomboxblur",
    ("blur",): "medianblur randommedianblur advancedblur glassblur zoomblur downscale",
    ("sharpening",): "sharpen unsharpmask randomadjustsharpness randomsharpness",
    ("gaussian_noise",): "gaussnoise gaussiannoise randomgaussiannoise additivenoise isonoise",
    ("shot_noise",): "shotnoise",
    ("speckle_noise",): "multiplicativenoise",
    ("impulse_noise",): "saltandpepper randomsaltandpeppernoise",
    ("jpeg",): "imagecompression jpeg randomjpeg jpegcompression",
    ("occlusion",): (
        "randomerasing coarsedropout cutout griddropout cutmix erasing xymasking maskdropout "
        "constrainedcoarsedropout randomgridshuffle"
    ),
    ("weather",): "randomrain randomfog randomsnow randomsunflare randomshadow spatter randomgravel",
}
TRANSFORMS: Mapping[str, tuple[str, ...]] = {
    name: means for means, names in _SEVERAL.items() for name in names.split()
}
"""Transforms that do one thing, whatever their arguments."""

_WIDE = (
    "translation",
    "rotation",
    "shear",
    "brightness",
    "contrast",
    "saturation",
    "sharpening",
    "quantization",
    "light",
)
AUTO_AUGMENT: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("autoaugment", "randaugment", "trivialaugmentwide", "trivialaugment", "augmix"), _WIDE
)
"""Policies of many operations: all draw from rotation, shear, translation, brightness, contrast, colour,
sharpness, posterize, solarize, autocontrast, equalize. torchvision's AugMix holds brightness, colour and
sharpness unless ``all_ops=False``; contrast it holds in any case, by autocontrast and equalize."""

TIMM_STRINGS: Mapping[str, tuple[str, ...]] = {
    "rand": _WIDE,
    "augmix": _WIDE,
    "original": _WIDE,
    "originalr": _WIDE,
    "v0": _WIDE,
    "v0r": _WIDE,
    "3a": ("light", "saturation", "gaussian_blur"),
    "randaugment": _WIDE,
    "autoaugment": _WIDE,
}
"""Auto-augment strings of timm by their first word, and the two names that Ultralytics uses."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "color_jitter": ("brightness", "contrast", "saturation"),
    "grayscale_prob": ("saturation",),
    "gaussian_blur_prob": ("gaussian_blur",),
    "re_prob": ("occlusion",),
    "reprob": ("occlusion",),
    "hflip": ("horizontal_flip",),
    "vflip": ("geometry",),
    "hsv_h": ("hue",),
    "hsv_s": ("saturation",),
    "hsv_v": ("brightness",),
    "degrees": ("rotation",),
    "translate": ("translation",),
    "scale": ("scale",),
    "shear": ("shear",),
    "perspective": ("perspective",),
    "fliplr": ("horizontal_flip",),
    "flipud": ("geometry",),
    "mosaic": ("translation", "scale"),
    "erasing": ("occlusion",),
    "cutmix": ("occlusion",),
    "bgr": ("colour",),
    "mixup": (),
    "copy_paste": (),
    "ratio": (),
    "crop_fraction": (),
}
"""Options of timm's create_transform and training script, and hyper-parameters of Ultralytics."""

NEUTRAL = frozenset(
    """
    compose sequential randomapply randomchoice randomorder oneof someof sometimes augmentationsequential
    imagesequential lambda identity noop resize smallestmaxsize longestmaxsize centercrop pad padifneeded crop
    totensor toimage totensorv2 piltotensor convertimagedtype todtype tofloat normalize mixup
    fivecrop tencrop letterbox topilimage interpolationmode
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Transforms that perturb nothing by themselves."""
