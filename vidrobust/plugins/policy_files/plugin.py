"""What the plugin registers: one format for each library."""

from __future__ import annotations

from vidrobust.plugins.policy_files import albumentations, kornia, timm, ultralytics
from vidrobust.stages.policy.exports.write import PolicyFormat

FORMATS = tuple(
    PolicyFormat(form.NAME, form.render, form.lacks)
    for form in (albumentations, kornia, timm, ultralytics)
)
