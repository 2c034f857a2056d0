"""CARLA's recorder: the file's format, writing, replaying and reports.

The calls that start and stop it are in `sim.calls.recorder`.
"""
