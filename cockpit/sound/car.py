"""The car's sounds: engine, tyres, wind, a hit, and the voice that requests a takeover; each with a switch.

The loops are synthesised at the start from a seed, so no recordings are shipped but the voice. Loudness is a pure
function of the tick; `CarSound` is a `TickConsumer` that only sets volumes, and falls silent where there is no sound
device. The chime of a takeover request belongs to the driver's windows (`cockpit.sound.chime`).
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cockpit.assets import asset
from cockpit.config import ArbitrationConfig, Settings, Share
from recorder.schema import Authority, EventKind, Tick

log = logging.getLogger(__name__)

RATE_HZ = 22050
LOOP_S = 2.0
ENGINE_HZ = (28.0, 42.0, 63.0, 95.0, 142.0)
"""Firing frequencies of the engine's loops; between two of them it fades from one to the other."""
WHEEL_RADIUS_M = 0.32
GEARS_MPS = (8.0, 15.0, 24.0, 34.0)
"""Speeds at which an automatic gearbox of a usual car goes up."""
WIND_FULL_MPS = 40.0
TYRES_FULL_MPS = 35.0
SQUEAL_MPS2 = 6.0
"""Sideways acceleration from which tyres squeal; they are loudest at 9."""
HIT_FULL_NS = 8000.0
"""Impulse of a hit that is as loud as it gets: a small car at walking pace."""


class SoundConfig(Settings):
    """A switch for each sound, and how loud all of it is."""

    volume: Share = 0.5
    engine: bool = True
    tyres: bool = True
    wind: bool = True
    collision: bool = True
    voice: bool = True


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud each sound is, 0..1."""

    engine: tuple[float, ...] = (0.0,) * len(ENGINE_HZ)
    """One for each of `ENGINE_HZ`."""
    tyres: float = 0.0
    squeal: float = 0.0
    wind: float = 0.0
    hit: float = 0.0
    """Of a hit in this tick."""
    speaks: bool = False
    """The voice requests a takeover."""


def loudness_from_tick(tick: Tick, config: SoundConfig, arbitration: ArbitrationConfig) -> Loudness:
    """How loud each sound of a tick is."""
    speed, load = tick.ego.speed_mps, tick.control.throttle
    hits = [event.value for event in tick.events if event.kind is EventKind.COLLISION]
    asked_s = tick.time_s - tick.authority.since_time_s
    asks = tick.authority.authority is Authority.REQUESTED and asked_s >= arbitration.request_voice_s
    side = sideways_mps2(tick)
    return Loudness(
        engine=engine_mix(engine_hz(speed, load), 0.35 + 0.65 * load) if config.engine else Loudness().engine,
        tyres=min(speed / TYRES_FULL_MPS, 1.0) if config.tyres else 0.0,
        squeal=max(0.0, min((side - SQUEAL_MPS2) / 3.0, 1.0)) if config.tyres and speed > 2.0 else 0.0,
        wind=min(speed / WIND_FULL_MPS, 1.0) ** 2 if config.wind else 0.0,
        hit=min(max(hits) / HIT_FULL_NS, 1.0) if hits and config.collision else 0.0,
        speaks=config.voice and (asks or (tick.authority.authority is Authority.SAFE_STOP and asked_s < 2.0)),
    )


def sideways_mps2(tick: Tick) -> float:
    """Size of the acceleration across the ego's heading."""
    yaw, (ax, ay, _) = tick.ego.pose.yaw, tick.ego.acceleration_mps2
    return abs(-math.sin(yaw) * ax + math.cos(yaw) * ay)


def engine_hz(speed_mps: float, throttle: float) -> float:
    """Firing frequency of a four-cylinder engine with an automatic gearbox."""
    top = next((mps for mps in GEARS_MPS if speed_mps < mps), 1.25 * GEARS_MPS[-1])
    share = min(speed_mps / top, 1.0)
    return ENGINE_HZ[0] + (ENGINE_HZ[-1] - ENGINE_HZ[0]) * min(1.0, 0.75 * share + 0.15 * throttle)


def engine_mix(hz: float, volume: float) -> tuple[float, ...]:
    """Volumes of the engine's loops: the two beside `hz`, faded so that their power adds up to `volume`."""
    at = float(np.interp(hz, ENGINE_HZ, range(len(ENGINE_HZ))))
    shares = (max(0.0, 1.0 - abs(at - number)) for number in range(len(ENGINE_HZ)))
    return tuple(volume * math.sqrt(share) for share in shares)


# --- synthesis ------------------------------------------------------------------------------------------------------


def engine_loop(hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) -1..1: firing pulses whose strength differs from cylinder to cylinder, and some breath."""
    whole = round(hz * LOOP_S / 4) * 4 / LOOP_S  # full turns only, so that the loop has no seam
    time_s = _times()
    sound = sum(
        np.sin(2 * np.pi * whole * order * time_s + rng.uniform(0, 6.28)) * size
        for order, size in ((0.5, 0.5), (1.0, 1.0), (1.5, 0.35), (2.0, 0.55), (3.0, 0.25), (4.0, 0.15))
    )
    return _levelled(np.tanh(1.5 * sound) + 0.08 * _noise(rng, 300.0, 3000.0))


def noise_loop(low_hz: float, high_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) -1..1: noise of a band; the loop has no seam."""
    return _levelled(_noise(rng, low_hz, high_hz))


def squeal_loop(rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) -1..1: sliding rubber, a wavering tone with noise around it."""
    wavering = np.sin(2 * np.pi * 820.0 * _times() + 3.0 * np.sin(2 * np.pi * 3.0 * _times()))
    return _levelled(0.6 * wavering + 0.5 * _noise(rng, 600.0, 1400.0))


def hit_sound(rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) -1..1: a thump and rattling sheet metal."""
    time_s = np.arange(int(RATE_HZ * 0.7)) / RATE_HZ
    thump = np.sin(2 * np.pi * 55.0 * time_s) * np.exp(-time_s / 0.12)
    rattle = rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.08)
    return _levelled(thump + 0.6 * rattle)


def _times() -> NDArray[np.float64]:
    return np.arange(int(RATE_HZ * LOOP_S)) / RATE_HZ


def _noise(rng: np.random.Generator, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Noise of a band, made in the frequency domain and therefore periodic."""
    count = int(RATE_HZ * LOOP_S)
    frequencies = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    inside = (frequencies >= low_hz) & (frequencies <= high_hz)
    phases = np.exp(2j * np.pi * rng.random(len(frequencies)))
    sound = np.fft.irfft(inside * phases / np.sqrt(np.maximum(frequencies, 1.0)), count)
    return sound / np.abs(sound).max()


def _levelled(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.8 * sound / np.abs(sound).max()


# --- playing --------------------------------------------------------------------------------------------------------


class CarSound:
    """A `TickConsumer` that plays the car's sounds. Silent where there is no sound device."""

    def __init__(self, config: SoundConfig | None = None, arbitration: ArbitrationConfig | None = None) -> None:
        self._config = config or SoundConfig()
        self._arbitration = arbitration or ArbitrationConfig()
        self._loops: dict[str, Any] = {}
        self._hit: Any = None
        self._voice: Any = None
        self.is_audible = self._start()

    def consume(self, tick: Tick) -> None:
        """Set the volumes of a tick."""
        if not self.is_audible:
            return
        loudness = loudness_from_tick(tick, self._config, self._arbitration)
        volumes = {f"engine{number}": volume for number, volume in enumerate(loudness.engine)}
        volumes |= {"tyres": 0.5 * loudness.tyres, "squeal": loudness.squeal, "wind": loudness.wind}
        for name, volume in volumes.items():
            self._loops[name].set_volume(self._config.volume * volume)
        if loudness.hit:
            self._hit.set_volume(min(1.0, 2.0 * self._config.volume) * loudness.hit)
            self._hit.play()
        if loudness.speaks and self._voice is not None and self._voice.get_num_channels() == 0:
            self._voice.set_volume(min(1.0, 2.0 * self._config.volume))
            self._voice.play()

    def close(self) -> None:
        """Fall silent; safe to call twice."""
        if self.is_audible:
            self.is_audible = False
            for sound in (*self._loops.values(), self._hit, self._voice):
                if sound is not None and self._mixer.get_init():
                    sound.stop()

    def _start(self) -> bool:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame.mixer  # after the prompt is switched off

        self._mixer = pygame.mixer
        if not has_sound_device():
            log.info("no sound device: the drive is silent")
            return False
        try:
            if not self._mixer.get_init():
                self._mixer.init(RATE_HZ, -16, 1, 1024)
            self._mixer.set_num_channels(max(16, self._mixer.get_num_channels()))
            self._make()
        except pygame.error as error:
            log.info("no sound (%s): the drive is silent", error)
            return False
        return True

    def _make(self) -> None:
        rng = np.random.default_rng(7)
        made = {f"engine{number}": engine_loop(hz, rng) for number, hz in enumerate(ENGINE_HZ)}
        made |= {
            "tyres": noise_loop(60.0, 900.0, rng),
            "squeal": squeal_loop(rng),
            "wind": noise_loop(200.0, 4000.0, rng),
        }
        for name, samples in made.items():
            sound = self._sound(samples)
            sound.set_volume(0.0)
            sound.play(loops=-1)
            self._loops[name] = sound
        self._hit = self._sound(hit_sound(rng))
        voice = asset("sounds", "take_over_voice.wav")
        if voice.is_file():
            self._voice = self._mixer.Sound(str(voice))

    def _sound(self, samples: NDArray[np.float64]) -> Any:
        """Samples as the mixer plays them: its own rate and number of channels."""
        rate_hz, _, channels = self._mixer.get_init()
        if rate_hz != RATE_HZ:
            steps = np.arange(int(len(samples) * rate_hz / RATE_HZ)) * RATE_HZ / rate_hz
            samples = np.interp(steps, np.arange(len(samples)), samples)
        whole = np.repeat((samples * 32767).astype("<i2")[:, None], channels, axis=1)
        return self._mixer.Sound(buffer=np.ascontiguousarray(whole).tobytes())


def has_sound_device() -> bool:
    """Whether it is worth asking: where there is nothing, the sound library fills the terminal with complaints."""
    if any(os.environ.get(name) for name in ("SDL_AUDIODRIVER", "PULSE_SERVER")):
        return True
    session = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"))
    sockets = (session / "pulse" / "native", session / "pipewire-0")
    return Path("/dev/snd").is_dir() or any(path.exists() for path in sockets)
