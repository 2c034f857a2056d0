"""The page that calibrates a wheel: finds its axes and buttons, and writes its profile."""
