"""The stages of a picture: sky, shadows, lamps, labels, weather; and their shaders."""
