"""The renderer of the embedded simulator: one town and its traffic as pictures, by OpenGL without a window.

`scene` has the records it draws, `renderer` the class that draws them; the other modules build the town's meshes
from its OpenDRIVE text. The same code runs on Mesa's software rasteriser and on a GPU.
"""

from sim.render.renderer import Renderer
from sim.scene.records import CameraView, DrawnActor, DrawnLight, SceneState

__all__ = ["CameraView", "DrawnActor", "DrawnLight", "Renderer", "SceneState"]
