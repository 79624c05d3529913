"""Line counts, zone dwell and alarms that depend on a detector."""
