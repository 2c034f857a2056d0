"""Tests of what is under `scripts/`."""
