"""Formats of labels of published sets of video."""

from __future__ import annotations

from vidrobust.plugins.published import imagenet_vid, vid_robust, ytbb, ytbb_robust

LABELS = (*ytbb.FORMATS, vid_robust.FORMAT, ytbb_robust.FORMAT, imagenet_vid.FORMAT)
