"""Screens in space, the cameras that follow from them, and projection, warp and blending. No windows and no OpenGL."""
