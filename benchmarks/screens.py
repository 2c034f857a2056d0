"""What showing three 1280x720 screens costs a frame.

Run `python benchmarks/screens.py [--frames N]`. Printed are milliseconds a frame for three screens: warp, blend ramps
and gains on the GPU (or what OpenGL there is) and on the CPU, beside `cv2.warpPerspective` alone and the plain pygame
blit of CARLA's manual_control.py.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import cv2
import pygame

from cockpit.rig.cpu_warp import mask_bytes, masked, warped
from cockpit.rig.edge_blend import Blend, multiplier
from cockpit.rig.projection import ScreenPlane, ScreenView, texture_coordinates, vertices_uv, view_from_eye
from cockpit.windows.gl_warp import GlWarp, create_offscreen_context

SIZE = (1280, 720)
WARM_UP = 3


def views() -> list[ScreenView]:
    """Three walls, the outer ones at 45 degrees, the eye off the middle."""
    reach = 0.8 * 2**-0.5
    walls = [(-45.0, 1.2 - reach, -0.8 - reach), (0.0, 1.2, 0.0), (45.0, 1.2 - reach, 0.8 + reach)]
    planes = [
        ScreenPlane(f"s{i}", (x, y, 0.0), float(np.radians(yaw)), 0.0, 0.0, (1.6, 0.9), SIZE)
        for i, (yaw, x, y) in enumerate(walls)
    ]
    return [view_from_eye(plane, (0.1, -0.25, 0.1), (0.35, -0.33, 1.33)) for plane in planes]


def timed(draw: Callable[[], object], frames: int) -> np.ndarray:
    """Milliseconds of each call."""
    for _ in range(WARM_UP):
        draw()
    spent = []
    for _ in range(frames):
        begun = time.perf_counter()
        draw()
        spent.append(1e3 * (time.perf_counter() - begun))
    return np.array(spent)


def print_row(name: str, spent: np.ndarray) -> None:
    print(f"{name:58} {np.median(spent):8.2f} {np.percentile(spent, 95):8.2f} {np.percentile(spent, 99):8.2f}")


def costs(frames: int) -> None:
    rig = views()
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (v.camera.height, v.camera.width, 3), dtype=np.uint8) for v in rig]
    factors = multiplier(*SIZE, Blend(left=0.1, right=0.1), (1.0, 0.95, 0.9))
    mask = mask_bytes(factors)
    homographies = [view.homography for view in rig]

    surface = pygame.Surface(SIZE)
    plain = [random.integers(0, 255, (SIZE[1], SIZE[0], 4), dtype=np.uint8) for _ in rig]

    def manual_control() -> None:
        for bgra in plain:  # as CARLA's manual_control.py: drop alpha, reverse, swap axes, make a surface, blit
            array = bgra[:, :, :3][:, :, ::-1]
            surface.blit(pygame.surfarray.make_surface(array.swapaxes(0, 1)), (0, 0))

    def plain_warp() -> None:
        for picture, homography in zip(pictures, homographies, strict=True):
            cv2.warpPerspective(picture, homography, SIZE)

    def cpu() -> None:
        for picture, homography in zip(pictures, homographies, strict=True):
            masked(warped(picture, homography, SIZE), mask)

    context = create_offscreen_context()
    target = context.framebuffer([context.texture(SIZE, 4)])
    screens = []
    for _ in rig:
        screens.append(GlWarp(context))
        screens[-1].set_mask(factors)

    def gl() -> None:
        target.use()
        for screen, picture, view in zip(screens, pictures, rig, strict=True):
            screen.draw(picture, vertices_uv(view), texture_coordinates(view, view.eye_m, view.camera))
            screen.multiply()
        context.finish()

    sizes = ", ".join(f"{view.camera.width}x{view.camera.height}" for view in rig)
    print(f"three screens of {SIZE[0]}x{SIZE[1]} from cameras of {sizes}; OpenGL: {context.info['GL_RENDERER']}\n")
    print(f"{'milliseconds a frame, all three screens':58} {'median':>8} {'p95':>8} {'p99':>8}")
    print_row("plain pygame blit, no warp (CARLA's manual_control.py)", timed(manual_control, frames))
    print_row("cv2.warpPerspective, no blend", timed(plain_warp, frames))
    print_row("CPU: warp, blend and gain (our fallback)", timed(cpu, frames))
    print_row("OpenGL: upload, warp, blend and gain", timed(gl, frames))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--frames", type=int, default=200, help="frames of each way to draw")
    costs(parser.parse_args().frames)


if __name__ == "__main__":
    main()
