"""The search for leaders written with numpy, on one level: what the compiled loop is compared with."""

import numpy as np

from sim.traffic.leaders import MARGIN_M, Bodies, Leaders
from sim.traffic.paths import POINTS, Paths

_STRIDE = 2
_STEPS = np.arange(0, POINTS, _STRIDE)
_COARSE = 4
#: Half the curvature of the sharpest bend that a body may stand in, 1/m.
_SHARPEST_BEND_PM = 0.08
#: The points of a body, in half lengths and half widths: near enough to each other that no car fits in between.
_ALONG = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, -1.0, -0.5, 0.0, 0.5, 1.0])
_ASIDE = np.array([-1.0] * 5 + [1.0] * 5)


def find_leaders(
    paths: Paths,
    odometer_m: np.ndarray,
    offset_m: np.ndarray,
    own_body: np.ndarray,
    horizon_m: np.ndarray,
    bodies: Bodies,
    considered: np.ndarray,
) -> Leaders:
    """Bodies on each driver's path, no further ahead than horizon_m (N,).

    Args:
        paths: the paths of N drivers.
        odometer_m: where the drivers are along them, (N,).
        offset_m: how far to the right of their paths they drive, (N,).
        own_body: each driver's own row in `bodies`, (N,).
        horizon_m: how far they look, (N,).
        bodies: M bodies.
        considered: (N, M) bool, False where a driver does not see a body.
    """
    rows = np.arange(len(own_body))
    near = np.flatnonzero(_within_horizon(own_body, horizon_m, bodies, considered))
    driver, body = np.divmod(near, len(bodies.x))
    ahead = _STEPS[: int(horizon_m.max()) // _STRIDE + 3]
    steps = np.minimum((paths.at[:, None] // _STRIDE) * _STRIDE + ahead, POINTS - 1)
    path_x, path_y = paths.x[rows[:, None], steps], paths.y[rows[:, None], steps]
    half_length, half_width = bodies.half_length, bodies.half_width
    wide = half_width[own_body] + np.abs(offset_m) + 2.0 * MARGIN_M + _STRIDE
    reach = wide[driver] + half_length[body] + half_width[body]
    # Most bodies are nowhere near the path: every fourth point is enough to rule them out.
    few = np.unique(np.append(np.arange(0, steps.shape[1], _COARSE), steps.shape[1] - 1))
    _, distance = _nearest(path_x[:, few], path_y[:, few], driver, bodies.x[body], bodies.y[body])
    near = distance < (reach + 0.5 * _COARSE * _STRIDE + 1.0) ** 2
    driver, body, reach = driver[near], body[near], reach[near]
    best, distance = _nearest(path_x, path_y, driver, bodies.x[body], bodies.y[body])
    near = distance < reach**2
    driver, body, best = driver[near], body[near], best[near]
    near = _may_touch(paths, own_body, driver, body, steps[driver, best], offset_m, bodies)
    driver, body, best = driver[near], body[near], best[near]
    if len(driver) == 0:
        return _none()
    cos, sin = np.cos(bodies.yaw)[body, None], np.sin(bodies.yaw)[body, None]
    along, aside = half_length[body, None] * _ALONG, half_width[body, None] * _ASIDE
    px = bodies.x[body, None] + cos * along - sin * aside  # (P, 10)
    py = bodies.y[body, None] + sin * along + cos * aside
    # The nearest point of the path to a body's corner is not far from the nearest one to its middle.
    reach = int(np.ceil((half_length + half_width).max() / _STRIDE)) + 2
    window = np.clip(best[:, None] + np.arange(-reach, reach + 1), 0, steps.shape[1] - 1)
    near_x, near_y = path_x[driver[:, None], window], path_y[driver[:, None], window]
    best = window[np.arange(len(driver))[:, None], nearest_of_few(px, py, near_x, near_y)]
    k = steps[driver[:, None], best]
    point = driver[:, None] * POINTS + k
    dx, dy = px - np.take(paths.x, point), py - np.take(paths.y, point)
    yaw, bend = np.take(paths.yaw, point), np.abs(np.take(paths.curvature, point))
    cos, sin = np.cos(yaw), np.sin(yaw)
    along, aside = cos * dx + sin * dy, cos * dy - sin * dx - offset_m[driver, None]
    place = paths.base_m[driver, None] + k + along
    own_length, own_width = half_length[own_body][driver, None], half_width[own_body][driver, None]
    swept = own_width + 0.5 * own_length**2 * bend + MARGIN_M  # in a bend the corners reach further out
    inside = (np.abs(aside) < swept) & (np.abs(along) < _STRIDE + 1.0) & (place > odometer_m[driver, None])
    gap = np.where(inside, place - (odometer_m[driver, None] + own_length), np.inf)
    first = np.argmin(gap, axis=1)
    one = np.arange(len(driver))
    speed = bodies.vx[body] * cos[one, first] + bodies.vy[body] * sin[one, first]
    found = gap[one, first] < horizon_m[driver]
    return Leaders(driver[found], body[found], gap[one, first][found], np.maximum(speed[found], 0.0))


def _within_horizon(own_body: np.ndarray, horizon_m: np.ndarray, bodies: Bodies, considered: np.ndarray) -> np.ndarray:
    """Which bodies are no further from a driver than it looks, in a straight line, (N, M) bool."""
    distance = bodies.x - bodies.x[own_body, None]
    dy = bodies.y - bodies.y[own_body, None]
    reach = horizon_m[:, None] + bodies.half_length
    distance *= distance  # in place: these are the largest arrays of a tick
    dy *= dy
    distance += dy
    reach *= reach
    near = distance < reach
    near &= considered
    near[np.arange(len(own_body)), own_body] = False
    return near


def _nearest(
    path_x: np.ndarray, path_y: np.ndarray, driver: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each of P places, which point of a driver's path is nearest, and the distance squared; (P,) each."""
    dx, dy = path_x[driver], path_y[driver]
    dx -= x[:, None]
    dy -= y[:, None]
    dx *= dx
    dy *= dy
    dx += dy
    best = np.argmin(dx, axis=1)
    return best, dx[np.arange(len(driver)), best]


def nearest_of_few(px: np.ndarray, py: np.ndarray, near_x: np.ndarray, near_y: np.ndarray) -> np.ndarray:
    """For each of P bodies' K points (P, K), which of its W path points (P, W) is nearest, the first of equals; (P, K).

    A pass over all bodies for every path point: W is about ten, and numpy's `argmin` along so short an axis is slow.
    """
    best = np.zeros(px.shape, np.int64)
    nearest = np.full(px.shape, np.inf)
    for k in range(near_x.shape[1]):
        dx, dy = px - near_x[:, k, None], py - near_y[:, k, None]
        dx *= dx
        dy *= dy
        dx += dy
        best[dx < nearest] = k
        np.minimum(nearest, dx, out=nearest)
    return best


def _may_touch(
    paths: Paths,
    own_body: np.ndarray,
    driver: np.ndarray,
    body: np.ndarray,
    k: np.ndarray,
    offset_m: np.ndarray,
    bodies: Bodies,
) -> np.ndarray:
    """Whether a body reaches into the driver's strip, (P,): from its box seen along the path where it is nearest."""
    yaw = paths.yaw[driver, k]
    cos, sin = np.cos(yaw), np.sin(yaw)
    aside = cos * (bodies.y[body] - paths.y[driver, k]) - sin * (bodies.x[body] - paths.x[driver, k])
    turn = bodies.yaw[body] - yaw
    half_length, half_width = bodies.half_length[body], bodies.half_width[body]
    extent = np.abs(np.sin(turn)) * half_length + np.abs(np.cos(turn)) * half_width
    own = own_body[driver]
    bend = _SHARPEST_BEND_PM * (half_length**2 + bodies.half_length[own] ** 2)
    return np.abs(aside - offset_m[driver]) - extent - bend < bodies.half_width[own] + 2.0 * MARGIN_M


def _none() -> Leaders:
    empty = np.zeros(0, np.int64)
    return Leaders(empty, empty, np.zeros(0), np.zeros(0))
