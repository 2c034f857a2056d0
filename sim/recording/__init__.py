"""CARLA's recorder: the file's format, writing, replaying and reports."""
