"""The sound of a takeover request. A machine without loudspeakers stays silent and drives on."""

from __future__ import annotations

import logging
import os
from importlib import resources
from pathlib import Path

log = logging.getLogger(__name__)


class Chime:
    """Plays `assets/sounds/takeover.wav`, again and again while it is asked to."""

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame.mixer  # after the prompt is switched off

        self._mixer = pygame.mixer
        self._sound: pygame.mixer.Sound | None = None
        if not _has_sound_device():
            log.info("no sound device: takeover requests are shown, not heard")
            return
        try:
            self._mixer.init()
            self._sound = self._mixer.Sound(str(resources.files("assets").joinpath("sounds", "takeover.wav")))
        except (pygame.error, FileNotFoundError) as error:
            log.info("no sound (%s): takeover requests are shown, not heard", error)

    def sound(self, is_wanted: bool) -> None:
        """Ring while wanted; a ring that has begun ends by itself."""
        if self._sound is not None and is_wanted and self._sound.get_num_channels() == 0:
            self._sound.play()

    def close(self) -> None:
        """Give the loudspeakers back; safe to call twice."""
        if self._sound is not None:
            self._sound = None
            self._mixer.quit()


def _has_sound_device() -> bool:
    """Whether it is worth asking: where there is nothing, the sound library fills the terminal with complaints."""
    if any(os.environ.get(name) for name in ("SDL_AUDIODRIVER", "PULSE_SERVER")):
        return True
    session = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"))
    sockets = (session / "pulse" / "native", session / "pipewire-0")
    return Path("/dev/snd").is_dir() or any(path.exists() for path in sockets)
