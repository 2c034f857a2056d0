"""Writes the takeover chime beside itself (three rising bells, each a sum of decaying partials) and the voice.

The voice is spoken by espeak-ng, which must be installed for that; what it wrote is shipped.
"""

from __future__ import annotations

import shutil
import subprocess
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


def speak(path: Path) -> None:
    """Write the spoken request; leaves the file alone where espeak-ng is missing."""
    if shutil.which("espeak-ng"):
        subprocess.run(
            ["espeak-ng", "-v", "en-gb", "-s", "165", "-p", "45", "-w", str(path), "Take over. Now."], check=True
        )


def main() -> None:
    """Write ``takeover.wav`` and ``take_over_voice.wav`` as 16-bit mono."""
    speak(Path(__file__).with_name("take_over_voice.wav"))
    with wave.open(str(Path(__file__).with_name("takeover.wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((chime() * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
