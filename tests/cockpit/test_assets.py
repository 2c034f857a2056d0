"""Paths of the files that come with the program."""

from __future__ import annotations

from cockpit.assets import asset


def test_shipped_files_and_folders_have_paths_on_disk():
    assert asset("maps", "millbrook.xodr").is_file()
    assert asset("policies", "small").is_dir()
    assert not asset("maps", "atlantis.xodr").exists()
