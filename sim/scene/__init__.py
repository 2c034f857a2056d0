"""Plain records of what pictures and rays can meet, poses, semantic labels, and camera mathematics. No OpenGL."""
