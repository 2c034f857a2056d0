"""Studies with participants: conditions and their order, pseudonyms, measures and gaze. No widgets; nothing drives
here.
"""
