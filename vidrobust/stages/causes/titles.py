"""The causes of the account in words, for policy and report alike. No torch."""

UNEXPLAINED = "unexplained"

TITLES = {
    "light": "light",
    "local_light": "local light",
    "colour": "colour",
    "camera": "motion of the camera",
    "objects": "motion of objects",
    "came_into_view": "what came into view",
    "sharpness": "sharpness",
    "keyframes": "keyframes of the recording",
    "noise_and_coding": "noise and coding",
    "unexplained": "not explained",
}
"""In the order in which they are reported."""
