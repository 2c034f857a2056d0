"""Recordings in other tools' formats. Reads through `recorder.reading`, writes nothing into a session."""
