"""Writes the takeover chime beside itself: three rising bells, each a sum of decaying partials."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE_HZ = 22050
NOTES_HZ = (880.0, 1108.7, 1318.5)  # an A major triad: urgent, and no alarm clock
PARTIALS = ((1.0, 1.0), (2.0, 0.45), (3.01, 0.2), (4.2, 0.1))
LENGTH_S = 1.1
STEP_S = 0.16
DECAY_S = 0.22


def chime() -> np.ndarray:
    """(N,) float samples, -1..1."""
    time_s = np.arange(int(RATE_HZ * LENGTH_S)) / RATE_HZ
    sound = np.zeros_like(time_s)
    for index, note in enumerate(NOTES_HZ):
        since = time_s - index * STEP_S
        envelope = np.where(since >= 0, np.exp(-since / DECAY_S) * np.clip(since / 0.004, 0, 1), 0.0)
        sound += envelope * sum(size * np.sin(2 * np.pi * note * ratio * since) for ratio, size in PARTIALS)
    return 0.8 * sound / np.abs(sound).max()


def main() -> None:
    """Write ``takeover.wav`` as 16-bit mono."""
    with wave.open(str(Path(__file__).with_name("takeover.wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((chime() * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
