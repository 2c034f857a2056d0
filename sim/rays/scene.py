"""Rays against the drawn town and everything in it: what LiDAR, radar and obstacle detectors measure with.

The triangles are those of the pictures, so that a point cloud and a depth picture agree. The town with its traffic
lights is one set of triangles, built once; each model has one in its own frame, into which the few rays that may meet
an actor are turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.rays.embree import Triangles
from sim.rays.hits import Hits, near_rays, rotate_rays
from sim.render.models.poses import posed, sink_m, turns
from sim.render.staging import ModelKey, label_of, make_model, model_key, signal_instances
from sim.scene.camera import axes
from sim.scene.labels import LABEL
from sim.scene.records import DrawnActor, DrawnLight
from sim.town.solids import Model
from sim.town.town import Town

STRIDE_PHASES = 8
"""Walkers are measured in one of so many poses, those of the pictures to a sixteenth of a stride."""
_NO_TURN = np.eye(3, dtype=np.float32)
TOUCHING_M = 1e-3
"""A ray does not meet what is nearer than this: the surface that it starts from."""


class RayScene:
    """One town for casting rays into. Not for several threads at once."""

    def __init__(self, town: Town, lights: Sequence[DrawnLight]) -> None:
        corners, tags = _town_triangles(town)
        light_of = [np.full(len(tags[0]), -1)]
        for k, light in enumerate(lights):
            for key, row in signal_instances(light, town.far_side(light.x, light.y, light.yaw)):
                model, row = make_model(key), row.reshape(())
                turn = np.stack([row["row_x"], row["row_y"], row["row_z"]])
                placed = _model_triangles(model) @ turn[:, :3].T + turn[:, 3]
                corners.append(placed.astype(np.float32))
                tags.append(_model_tags(model, label_of(key[0], 0)))
                light_of.append(np.full(len(placed), k))
        self._tags, self._light_of = np.concatenate(tags), np.concatenate(light_of)
        self._light_ids: list[int] = []
        self._actor_ids = np.zeros(len(self._tags), np.int64)
        self.number_lights(lights)
        self._town = Triangles(np.concatenate(corners))
        self._models: dict[ModelKey, Model] = {}
        self._posed: dict[tuple[ModelKey, float, int], tuple[Triangles, Model, np.ndarray]] = {}

    def number_lights(self, lights: Sequence[DrawnLight]) -> None:
        """The same traffic lights as before are other actors now: each episode counts on."""
        ids = [light.actor_id for light in lights]
        if ids != self._light_ids:
            self._light_ids = ids
            self._actor_ids = np.array([*ids, 0], np.int64)[self._light_of]

    def cast(
        self,
        origins: np.ndarray,
        directions: np.ndarray,
        reach_m: float,
        actors: Sequence[DrawnActor] = (),
        hidden_actor_id: int = -1,
        with_town: bool = True,
    ) -> Hits:
        """What rays from (n, 3) or (3,) origins along (n, 3) unit directions meet first within `reach_m` metres."""
        n = len(directions)
        origins = np.ascontiguousarray(np.atleast_2d(origins), float)
        ways = np.ascontiguousarray(directions, np.float32)
        hits = Hits.none(n)
        if n == 0:
            return hits
        if with_town:
            found = self._town.find(origins, ways, np.full(n, reach_m), TOUCHING_M)
            hits.keep(found, np.arange(n), _NO_TURN, self._tags, self._actor_ids)
        centre = origins.mean(axis=0)
        spread = float(np.linalg.norm(origins - centre, axis=1).max())
        for actor in actors:
            away = np.array([actor.x, actor.y, actor.z]) - centre
            if actor.actor_id != hidden_actor_id and np.linalg.norm(away) < reach_m + spread + 15.0:
                self._cast_at(actor, origins, ways, reach_m, hits)
        return hits

    def _cast_at(
        self, actor: DrawnActor, origins: np.ndarray, directions: np.ndarray, reach_m: float, hits: Hits
    ) -> None:
        triangles, model, tags = self._model(actor)
        place = np.array([actor.x, actor.y, actor.z - sink_m(actor)])
        near = near_rays(origins, directions, place, model.radius_m, hits.distance_m, reach_m)
        if not len(near):
            return
        turn = axes(actor.roll, actor.pitch, actor.yaw)
        start = (origins if len(origins) == 1 else origins[near]) - place
        limit = np.minimum(hits.distance_m[near], reach_m)
        start, ways = rotate_rays(start, turn.T), rotate_rays(directions[near], turn.T)
        found = triangles.find(start, ways, limit, TOUCHING_M)
        own = np.where(tags == 0, np.uint32(label_of(actor.type_id, actor.tag)), tags)
        actor_of = np.full(len(tags), actor.actor_id, np.int64)
        hits.keep(found, near, turn.astype(np.float32), own, actor_of)

    def _model(self, actor: DrawnActor) -> tuple[Triangles, Model, np.ndarray]:
        """The triangles of an actor in its pose, and their tags."""
        key = model_key(actor)
        phase = round(actor.stride * STRIDE_PHASES) / STRIDE_PHASES if actor.stride >= 0.0 else -1.0
        pose = (key, phase, actor.doors_open)
        if pose not in self._posed:
            model = self._models.get(key) or self._models.setdefault(key, make_model(key))
            places, indices = posed(model, turns(replace(actor, stride=phase)), actor.doors_open)
            triangles = indices.reshape(-1, 3)
            tags = model.vertices["tag"][triangles[:, 0]].astype(np.uint32)
            self._posed[pose] = Triangles(places[triangles].astype(np.float32)), model, tags
        return self._posed[pose]


def _town_triangles(town: Town) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(m, 3, 3) corners and (m,) tags of the town as seen from near."""
    chunks = town.chunks
    ranges = [
        np.arange(a, a + n) for a, n, begin in zip(chunks.first, chunks.count, chunks.begin, strict=True) if not begin
    ]
    triangles = town.indices[np.concatenate(ranges)].reshape(-1, 3)
    assert town.labels.dtype == LABEL  # noqa: S101
    tags = town.labels["tag"][triangles[:, 0]].astype(np.uint32)
    return [town.vertices["position"][triangles]], [tags]


def _model_triangles(model: Model) -> np.ndarray:
    return model.vertices["position"][model.indices.reshape(-1, 3)]


def _model_tags(model: Model, own: int) -> np.ndarray:
    tags = model.vertices["tag"][model.indices.reshape(-1, 3)[:, 0]].astype(np.uint32)
    return np.where(tags == 0, np.uint32(own), tags)
