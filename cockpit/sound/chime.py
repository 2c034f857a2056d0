"""The sound of a takeover request. A machine without loudspeakers stays silent and drives on."""

from __future__ import annotations

import logging
import os

from cockpit.assets import asset
from cockpit.sound.car import has_sound_device
from recorder.schema import Authority, Tick

log = logging.getLogger(__name__)


def rings(tick: Tick, after_s: float) -> bool:
    """Whether the chime is to ring: a takeover has been requested for at least `after_s` (`request_sound_s`)."""
    state = tick.authority
    return state.authority is Authority.REQUESTED and tick.time_s - state.since_time_s >= after_s


class Chime:
    """Plays `assets/sounds/takeover.wav`, again and again while it is asked to."""

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame.mixer  # after the prompt is switched off

        self._mixer = pygame.mixer
        self._sound: pygame.mixer.Sound | None = None
        if not has_sound_device():
            log.info("no sound device: takeover requests are shown, not heard")
            return
        try:
            self._mixer.init()
            self._sound = self._mixer.Sound(str(asset("sounds", "takeover.wav")))
        except (pygame.error, FileNotFoundError) as error:
            log.info("no sound (%s): takeover requests are shown, not heard", error)

    def sound(self, is_wanted: bool) -> None:
        """Ring while `is_wanted`; a ring that has begun ends by itself."""
        if self._sound is not None and is_wanted and self._sound.get_num_channels() == 0:
            self._sound.play()

    def close(self) -> None:
        """Close the sound device; safe to call twice."""
        if self._sound is not None:
            self._sound = None
            self._mixer.quit()
