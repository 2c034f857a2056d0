"""Pictures of one town and its traffic, drawn by OpenGL without a window; `renderer` has the class that draws them.

Only `renderer`, `gl`, `passes` and `sign_faces` need OpenGL or OpenCV: models, textures and staging are numpy.
The same code runs on Mesa's software rasteriser and on a GPU. The town's meshes come from `sim.town`.
"""
