"""Models asked again, of footage corrected for shake, light, flicker or noise: what the camera and lamp cost."""
