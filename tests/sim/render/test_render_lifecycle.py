"""Renderers come and go with maps: any map that CARLA's own parser takes must draw, and memory must come back."""

from __future__ import annotations

import threading

import carla
import numpy as np
import psutil
import pytest

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, SceneState

VIEW = CameraView(160, 90, 90.0, x=10.0, y=1.75, z=1.6)


def road(number: int, x: float, geometry: str, elevation: float, link: str) -> str:
    return f"""
  <road name="r{number}" length="80.0" id="{number}" junction="-1">
    <link>{link}</link>
    <planView><geometry s="0.0" x="{x}" y="0.0" hdg="0.0" length="80.0">{geometry}</geometry></planView>
    <elevationProfile><elevation s="0.0" a="{elevation}" b="0.0" c="0.0" d="0.0"/></elevationProfile>
    <lateralProfile/>
    <lanes><laneSection s="0.0">
      <left><lane id="1" type="driving" level="false"><link/>
      <width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
      <center><lane id="0" type="none" level="false"><roadMark sOffset="0" type="broken" width="0.12"/></lane></center>
      <right><lane id="-1" type="driving" level="false"><link/><width sOffset="0" a="3.5" b="0" c="0" d="0"/>
      <roadMark sOffset="0" type="solid" color="white" width="0.15"/></lane></right>
    </laneSection></lanes>
  </road>"""


def two_roads(second: str = "<line/>", elevation: float = 0.0) -> str:
    return (
        '<?xml version="1.0"?><OpenDRIVE>'
        '<header revMajor="1" revMinor="4" name="two" north="0" south="0" east="0" west="0"/>'
        + road(1, 0.0, "<line/>", elevation, '<successor elementType="road" elementId="2" contactPoint="start"/>')
        + road(2, 80.0, second, elevation, '<predecessor elementType="road" elementId="1" contactPoint="end"/>')
        + "</OpenDRIVE>"
    )


MAPS = {
    "straight": two_roads(),
    "arc": two_roads('<arc curvature="0.012"/>'),
    "spiral": two_roads('<spiral curvStart="0.0" curvEnd="0.02"/>'),
    "cubic": two_roads('<paramPoly3 aU="0" bU="80" cU="0" dU="0" aV="0" bV="0" cV="8" dV="0" pRange="normalized"/>'),
    "raised": two_roads(elevation=12.0),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_bare_map_of_two_roads_draws(name):
    assert carla.Map("two", MAPS[name]).generate_waypoints(5.0)
    base = 12.0 if name == "raised" else 0.0
    renderer = Renderer(MAPS[name])
    view = CameraView(160, 90, 90.0, x=10.0, y=1.75, z=base + 1.6)
    (image,) = renderer.draw(SceneState(), [view])
    renderer.release()
    rgb = image[..., 2::-1].astype(int)
    assert np.median(rgb[:8, 60:100, 2] - rgb[:8, 60:100, 0]) > 30  # sky, between crowns
    assert np.ptp(rgb[75:, 70:95], axis=2).max() < 40  # road
    assert (rgb[75:, 70:95] > 200).mean() < 0.2


@pytest.mark.parametrize("text", ["", "not a map", "<OpenDRIVE></OpenDRIVE>"])
def test_what_is_no_map_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match=r"xodr"):
        Renderer(text)


def test_two_renderers_live_side_by_side():
    one, other = Renderer(MAPS["straight"]), Renderer(MAPS["raised"])
    before = one.draw(SceneState(), [VIEW])[0].copy()
    other.draw(SceneState(), [VIEW])
    assert (one.draw(SceneState(), [VIEW])[0] == before).all()
    other.release()
    assert (one.draw(SceneState(), [VIEW])[0] == before).all()
    one.release()


def test_a_renderer_made_in_one_thread_draws_in_another():
    renderer = Renderer(MAPS["straight"])
    here = renderer.draw(SceneState(), [VIEW])[0]
    there: list[np.ndarray] = []
    worker = threading.Thread(target=lambda: there.extend(renderer.draw(SceneState(), [VIEW])))
    worker.start()
    worker.join()
    renderer.release()
    assert (there[0] == here).all()


def test_release_and_make_again_gives_memory_and_files_back():
    process = psutil.Process()

    def once() -> None:
        renderer = Renderer(MAPS["straight"])
        renderer.draw(SceneState(), [VIEW, CameraView(640, 360, 90.0, 10.0, 1.75, 1.6)])
        renderer.release()

    for _ in range(2):
        once()
    memory, files = process.memory_info().rss, process.num_fds()
    for _ in range(4):
        once()
    assert process.num_fds() <= files + 1
    assert process.memory_info().rss - memory < 40e6
