"""From ticks to segments while a drive runs: the ring of past seconds, and the writer's thread.

What a takeover is, and how a segment lies on disk, is in `recorder.layout`.
"""
