"""What papers say that can be asked here, and what cannot, by paper."""

from __future__ import annotations

from claims.judge import ABOVE_0, BELOW_0, Claim
from claims.published import COLOURS, OTHERS, TRAINED
from claims.shifts import ALMOST_ALL

AZULAY, ZHANG = "Azulay & Weiss 2019", "Zhang 2019"
GU, SHANKAR, TAORI = "Gu et al. 2019", "Shankar et al. 2019", "Taori et al. 2020"
HENDRYCKS = "Hendrycks & Dietterich 2019"
NO_WEIGHTS = "networks with these weights, and ImageNet's pictures, are not at hand"
NO_VIDEOS = "the videos of the set, and networks trained on them, are not at hand"

SHIFTS = (
    Claim(
        says="One pixel to the side changes the first answer to a crop",
        paper=f"{AZULAY}, section 2, protocol crop",
        published="5 to 15 %",
        expected=(0.05, 0.15),
        of="shift crop label_flip",
    ),
    Claim(
        says="The same, where a network gives its answer to the whole frame a probability of .5 or more",
        paper=f"{AZULAY}, section 2, protocol crop: pictures of ImageNet, on which networks are surer",
        published="5 to 15 %",
        expected=(0.05, 0.15),
        of="shift sure crop label_flip",
    ),
    Claim(
        says="It changes the probability of the first answer",
        paper=f"{AZULAY}, section 2, protocol crop",
        published="2 to 5 %",
        expected=(0.02, 0.05),
        of="shift crop top1_probability_change",
    ),
    Claim(
        says="Somewhere along a path of 16 pixels the probability of the first answer moves by almost all of it "
        "(the largest over networks and pictures)",
        paper=f"{AZULAY}, introduction",
        published="up to 100 %",
        expected=(ALMOST_ALL, 1.0),
        of="shift path largest",
    ),
    Claim(
        says="A small picture on a black canvas suffers more from one pixel than a crop does (difference)",
        paper=f"{AZULAY}, section 2",
        published="more",
        expected=ABOVE_0,
        of="shift black less crop",
    ),
    Claim(
        says="One pixel larger, of 100, changes the first answer",
        paper=f"{AZULAY}, section 2, protocol scale",
        published="more than the crop's 5 %, up to 30 % of the deepest network",
        expected=(0.05, 0.3),
        of="shift scale_embedding_black label_flip",
    ),
    *(
        Claim(
            says=f"The deeper network of a family is less invariant: {how} (difference)",
            paper=f"{AZULAY}, section 2",
            published="deeper is worse",
            expected=ABOVE_0,
            of=f"shift deeper {of}",
        )
        for how, of in (("crop", "crop"), ("black canvas", "embedding_black"))
    ),
    Claim(
        says="Anti-aliasing takes away little of the effect of a shifted crop",
        paper=f"{AZULAY}, discussion",
        published="10 to 20 % of it",
        why_not=NO_WEIGHTS,
    ),
    Claim(
        says="Two crops of MobileNetV2 get the same answer",
        paper=f"{ZHANG}, table of the repository",
        published="86.5 %",
        expected=(0.845, 0.885),
        of="shift consistency mobilenet_v2_1.0_224",
    ),
    Claim(
        says="BlurPool makes networks more accurate (mean gain over nine architectures)",
        paper=f"{ZHANG}, table of the repository",
        published="+0.4 to +1.9 points",
        expected=(0.004, 0.019),
        of="table blurpool accuracy",
    ),
    Claim(
        says="BlurPool raises the consistency of ImageNet networks",
        paper=f"{ZHANG}, table of the repository",
        published="89.2 % to 91.3 % (ResNet-50)",
        why_not=NO_WEIGHTS,
    ),
)
VIDEO = (
    Claim(
        says="Of label changes between neighbours, the share whose frames differ nowhere by more than 8 of 255",
        paper=f"{GU}, abstract",
        published="0.1 % within the usual definition of adversarial examples",
        expected=(0.0, 0.005),
        of="near 8",
    ),
    Claim(
        says="The same, by no more than 16 of 255",
        paper=f"{GU}, abstract",
        published="0.1 %",
        expected=(0.0, 0.005),
        of="near 16",
    ),
    Claim(
        says="More accurate networks keep more right answers between frames (correlation, networks at hand)",
        paper=f"{GU}, abstract",
        published="more accurate is more robust",
        expected=ABOVE_0,
        of="gu pearson clean_accuracy",
        unit="r",
    ),
    Claim(
        says="The same over networks trained as usual, ImageNet-Vid-Robust",
        paper=f"{GU}, abstract",
        published="more accurate is more robust",
        expected=ABOVE_0,
        of="table r accuracy vid",
        unit="r",
    ),
    Claim(
        says="The same, YTBB-Robust",
        paper=f"{GU}, abstract",
        published="more accurate is more robust",
        expected=ABOVE_0,
        of="table r accuracy ytbb",
        unit="r",
    ),
    *(
        Claim(
            says=f"Robustness to {name} goes with that to video, over the networks at hand (correlation)",
            paper=f"{GU}, abstract: colour distortions are a proxy",
            published="high",
            expected=ABOVE_0,
            of=f"gu pearson {name}",
            unit="r",
        )
        for name in ("brightness", "contrast", "saturation", "hue", "translation")
    ),
    *(
        Claim(
            says=f"Accuracy under {name.replace('_', ' ')} goes with what is kept in video (correlation)",
            paper=f"{GU}, abstract"
            + (": colour distortions are a proxy" if name in COLOURS else ""),
            published="high",
            expected=ABOVE_0,
            of=f"table r {name}",
            unit="r",
        )
        for name in (*COLOURS, *OTHERS)
    ),
    *(
        Claim(
            says=f"The same of {name.replace('_', ' ')}, given clean accuracy",
            paper=f"{GU}, abstract; the question of what is left is not the paper's",
            published="not asked; a proxy has something left",
            expected=ABOVE_0,
            of=f"table left {name}",
            unit="r",
        )
        for name in (*COLOURS, *OTHERS)
    ),
    *(
        Claim(
            says=f"Training with {name} makes a ResNet-50 keep more between frames than its accuracy lets expect",
            paper=f"{GU}, abstract: no training technique helps throughout",
            published="no gain",
            expected=BELOW_0,
            of=f"table gain {name}",
        )
        for name in TRAINED
    ),
    Claim(
        says="Robustness to corruptions, beyond accuracy, hardly carries over to video (correlation)",
        paper=f"{TAORI}, abstract",
        published="little or none",
        expected=(-0.3, 0.3),
        of="table transfer",
        unit="r",
    ),
    Claim(
        says="Median drop from pm-0 to pm-10, ImageNet-Vid-Robust",
        paper=f"{SHANKAR}, abstract",
        published="16 points",
        expected=(0.15, 0.17),
        of="table drop vid",
    ),
    Claim(
        says="Median drop from pm-0 to pm-10, YTBB-Robust (here only networks that were not trained on it)",
        paper=f"{SHANKAR}, abstract",
        published="10 points",
        expected=(0.09, 0.11),
        of="table drop ytbb",
    ),
    *(
        Claim(
            says=f"Interval of ResNet-50's {name.replace('pm', 'pm-')}, ImageNet-Vid-Robust",
            paper=f"{SHANKAR}, table 1",
            published=f"{low} to {high} %",
            expected=((low - 0.01) / 100, (high + 0.01) / 100),
            of=f"exact {name}",
        )
        for name, low, high in (("pm0", 64.7, 70.3), ("pm10", 49.5, 55.5))
    ),
    Claim(
        says="Drop from pm-0 to pm-10 on clips at hand, whose neighbours nobody reviewed",
        paper=f"{SHANKAR}, abstract",
        published="10 to 16 points",
        expected=(0.1, 0.16),
        of="pm drop",
    ),
    Claim(
        says="Fine-tuning on the videos raises accuracy and leaves the drop",
        paper=f"{SHANKAR}, table 1",
        published="80.8 % to 65.7 %",
        why_not=NO_VIDEOS,
    ),
    Claim(
        says="Median drop of detectors",
        paper=f"{SHANKAR}, abstract",
        published="14 points",
        why_not=NO_VIDEOS,
    ),
)
CORRUPTIONS = (
    Claim(
        says="AlexNet's own errors divided by its errors",
        paper=f"{HENDRYCKS}, section 4.1",
        published="mCE 100",
        expected=(99.99, 100.01),
        of="alexnet into itself",
        unit="mCE",
    ),
    Claim(
        says="mCE of ResNet-50",
        paper=f"{HENDRYCKS}, README",
        published="76.7",
        expected=(75.7, 77.7),
        of="table mce resnet50",
        unit="mCE",
    ),
    Claim(
        says="mCE of ResNet-50 with AugMix",
        paper="Hendrycks et al. 2020, README",
        published="65.3",
        expected=(64.3, 66.3),
        of="table mce AugMix",
        unit="mCE",
    ),
    Claim(
        says="mCE of ResNet-50 with DeepAugment and AugMix",
        paper="Hendrycks et al. 2021, README",
        published="53.6",
        expected=(52.6, 54.6),
        of="table mce DeepAugment and AugMix",
        unit="mCE",
    ),
    Claim(
        says="Beyond its accuracy ResNet-50 is hardly more robust than AlexNet (relative mCE)",
        paper=f"{HENDRYCKS}, abstract",
        published="negligible change; AlexNet is 100",
        expected=(90.0, 110.0),
        of="table relative mce resnet50",
        unit="relative mCE",
    ),
    Claim(
        says="mFR of ResNet-50, and with BlurPool and AugMix",
        paper=f"{HENDRYCKS}, README",
        published="58.0, 51.2 and 37.4",
        why_not=NO_WEIGHTS,
    ),
    Claim(
        says="mCE of an assembled ResNet-50",
        paper="Lee et al. 2020, README",
        published="76.0 to 48.9",
        why_not=NO_WEIGHTS,
    ),
)
SECTIONS: dict[str, tuple[Claim, ...]] = {
    "One pixel": SHIFTS,
    "Video": VIDEO,
    "Corruptions": CORRUPTIONS,
}
