"""The page that opens recordings: list of segments, pictures, time line, gaze. Writes only tables of measures."""
