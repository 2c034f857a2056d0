"""Plain records of what a picture or a ray can meet, poses, semantic labels, and the camera's mathematics. No OpenGL."""
