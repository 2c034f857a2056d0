"""The page that opens what was recorded: segments, time line, gaze."""
