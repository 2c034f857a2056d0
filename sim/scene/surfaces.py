"""The surface materials of a town by their layer in the texture array, and what each is for semantic sensors.

Plain numbers, because they are vertex data and are compiled into shaders. How a layer looks is in
`sim.render.textures`.
"""

from __future__ import annotations

from sim.scene.labels import Tag

ASPHALT, GRASS, PAVING, PLAIN, HOUSE, OFFICE, CLASSIC, SHOP, DOOR, TILES, LAMP, SIGNS, FOLIAGE, LEAVES = range(14)
LAYERS = 14
LEAF_CELLS = 2
"""Clusters of leaves along a side of the layer `LEAVES`, the only one that has holes."""
WINDOWS_PER_TILE = 8
"""Bays, and floors, of a facade in one tile of its layer."""

TAG_OF_LAYER = {
    ASPHALT: Tag.ROADS,
    PAVING: Tag.SIDEWALKS,
    GRASS: Tag.TERRAIN,
    HOUSE: Tag.BUILDINGS,
    OFFICE: Tag.BUILDINGS,
    CLASSIC: Tag.BUILDINGS,
    SHOP: Tag.BUILDINGS,
    DOOR: Tag.BUILDINGS,
    TILES: Tag.BUILDINGS,
    LAMP: Tag.POLES,
    FOLIAGE: Tag.VEGETATION,
    LEAVES: Tag.VEGETATION,
}
"""The semantic tag of a surface that was given no other; `Tag.STATIC` for the rest."""
