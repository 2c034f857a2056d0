"""The page that finds out which axis of a wheel is which, and writes its profile."""
