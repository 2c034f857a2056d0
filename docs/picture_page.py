"""The text of docs/pictures.md around the pictures that `build_pictures` made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parent / "pictures.md"

HEAD = """# Pictures

What sensors of an unmodified CARLA client receive from the embedded simulator. Nothing is painted over but the scans,
which are drawn from above or into a darkened camera picture, and the curves. `python docs/build_pictures.py` starts a
server and makes this page and its pictures anew.
"""

SENSORS = (
    ("rgb", "`sensor.camera.rgb`"),
    ("depth", "`sensor.camera.depth`, by CARLA's `LogarithmicDepth`"),
    ("semantic", "`sensor.camera.semantic_segmentation`, by CARLA's `CityScapesPalette`"),
    ("instances", "`sensor.camera.instance_segmentation`, a colour for each instance"),
    ("normals", "`sensor.camera.normals`"),
    ("lidar", "`sensor.lidar.ray_cast` from above, coloured by height"),
    ("semantic_lidar", "`sensor.lidar.ray_cast_semantic` in the camera's picture, colours as in the segmentation"),
    ("radar", "`sensor.other.radar` in the camera's picture: grey standing, red coming nearer, blue going away"),
    ("collision", "the crash that the events below report"),
)
MOTION = """`sensor.other.imu` and `sensor.other.gnss` on a drive along the avenue, with a stop at a red light and two
gear changes each time it sets off"""
CABIN = (
    ("cabin_day", "from the driver's eye, wheel turned right, a car behind in the mirror"),
    ("cabin_night", "by night, with its own headlights"),
    ("cabin_rain", "in heavy rain"),
    ("debug_doors", "`open_door` and `world.debug.draw_box`, `draw_arrow`"),
    ("light_manager", "street lamps coloured through `get_lightmanager()`"),
)
LAMPS = """## Brake lamps and indicators in the policy's camera

In the shipped policy's pictures (192x96 over 100 degrees, where a pixel is 0.75 m wide 60 m away) a lamp that goes on
at the back of a red vehicle 60 m ahead changes some pixel's strongest channel by so much of 255:

| | vehicle in which it shows least | median |
| --- | --- | --- |
| brake lamps, day / dusk / night (41 vehicles) | 136 / 96 / 103 | 192 / 125 / 160 |
| an indicator, day / dusk / night (the 38 that are no bicycles) | 140 / 153 / 160 | 171 / 199 / 206 |
| an indicator while the brake lamps are lit, day / dusk / night | 95 / 109 / 113 | 134 / 179 / 194 |

`tests/sim/render/test_lamps_read.py` asks for 120 and 90 (brake lamps, day and night), 120 and 140 (indicators) of
every vehicle, and for three changed pixels at 20, 40 and 60 m of four vehicles. An indicator blinks: what is compared
is its lit phase.
"""
WEAK = """## What looks poor

- Night: lamps light what is around them without shadows, and the light of a lamp on a bridge is separate from that of
  the road below by height alone. Each building has a pattern of lit windows of its own, but rooms have
  no depth.
- Wet roads mirror the sky and lamps, not houses, trees or cars. Drops do not splash, and none run down the
  windscreen. `WetNoon` (a damp road under a bright sky) has no puddles: it is drawn by the same programs as dry
  daylight, with which the shipped policy was trained.
- Fog is even but for its height; headlights throw no shafts into it.
- Clouds cast no shadows, and by dry day they are soft patches without edges.
- By day: façades repeat, vehicles have few details, and nothing casts a shadow on walls. A tree's shadow is an oval;
  beyond 75 m its crown is one body, to 150 m with a few cards of leaves. Leaves do not move in the wind.
- Scenery cars stand on drives, never in parking lanes: scenarios park and pull out there.
- The cabin has the same dash in every car, its gauges stand still, and vans, trucks and buses have none. Its mirrors
  show what is behind in a small picture each (176x40 and 128x80 pixels, as coarse as what is 30 m farther off) that
  does not change with the driver's head; nothing of the cabin itself is in them, and nothing else in the town mirrors.
  A rig's own mirrors are cameras of any size ([rigs.md](rigs.md)).
- Semantic and instances: kerbs count as pavement, the hills on the horizon as terrain; roads, pavements and grass
  have no numbers of their own. The edges of the three are hard, without the half-covered pixels of a real picture.
  Rain, halos and debug shapes are in colour pictures only.
"""


def picture(name: str, words: str) -> str:
    """A cell with a picture and what it shows."""
    return f"![{name}](images/sim/{name}.jpg) {words}"


def table(pictures: Iterable[tuple[str, str]], columns: int = 2) -> str:
    """A table without a head: pictures' names and what they show."""
    cells = [picture(name, words) for name, words in pictures]
    cells += [""] * (-len(cells) % columns)
    rows = [cells[k : k + columns] for k in range(0, len(cells), columns)]
    lines = ["|" + " |" * columns, "|" + " --- |" * columns]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def write_page(towns: Iterable[str], skies: dict[str, str], more_skies: Iterable[str], events: dict[str, str]) -> None:
    """Write docs/pictures.md; `events` are the event sensors' messages, by sensor."""
    named = {sky: f"{sky} (`{name}`)" if name else sky for sky, name in skies.items()}
    parts = [HEAD, "## Every town under every sky\n"]
    for town in towns:
        parts += [f"### {town}\n", table((f"{town.lower()}_{sky}", words) for sky, words in named.items())]
    parts += ["### More weathers\n", table((name.lower(), f"`{name}`") for name in more_skies)]
    parts += ["## Every sensor\n", table(SENSORS)]
    parts += [picture("motion", MOTION) + "\n"]
    parts += ["What the event sensors reported of that crash, and of a drift over the line afterwards:\n"]
    parts += ["\n".join(f"- `sensor.other.{name}`: {words}" for name, words in events.items()) + "\n"]
    parts += ["Optical flow, DVS and V2X are served too; what is not, and why: [sensors.md](sensors.md).\n"]
    parts += ["## The driver's cabin, doors, debug shapes, lamps\n", table(CABIN), LAMPS, WEAK]
    PAGE.write_text("\n".join(parts))
