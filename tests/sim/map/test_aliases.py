"""Other names for maps, as the command line takes them."""

import pytest

from sim.map.aliases import default_aliases, find_named_map, parse_aliases
from sim.map.files import MapFileError, known_maps, shipped_folder, shipped_map


def test_carlas_towns_are_known_with_and_without_layers():
    names = {f"Town0{k}" for k in range(1, 8)} | {"Town10HD"}
    assert set(default_aliases()) == names | {f"{name}_Opt" for name in names} | {"Town12"}


def test_an_alias_is_a_name_and_a_town_or_a_file(tmp_path):
    own = tmp_path / "own.xodr"
    own.write_text("<OpenDRIVE/>")
    kingsway = shipped_folder() / "kingsway.xodr"
    assert parse_aliases(["Town03=Kingsway", f"Mine={own}"]) == {"Town03": kingsway, "Mine": own}


@pytest.mark.parametrize("pair", ["Town03", "=Kingsway", "Town03=", "Carla/Town03=Kingsway"])
def test_an_alias_that_is_none_is_refused_with_an_example(pair):
    with pytest.raises(MapFileError, match="Town03=Kingsway"):
        parse_aliases([pair])


def test_an_alias_of_a_town_that_is_not_there_is_refused():
    with pytest.raises(MapFileError, match="Atlantis"):
        parse_aliases(["Town03=Atlantis"])


def test_a_map_found_by_its_alias_has_that_name_and_that_town():
    path, map_file = find_named_map("town03", parse_aliases(["Town03=Kingsway"]))
    assert (path.name, map_file.name) == ("kingsway.xodr", "Town03")
    assert find_named_map("Kingsway", default_aliases())[1].name == "Kingsway"


def test_a_file_beside_the_started_one_comes_before_an_alias(tmp_path):
    own = tmp_path / "town03.xodr"
    own.write_text("<OpenDRIVE/>")
    maps = known_maps(own, default_aliases())
    assert maps["Town03"] == own
    assert maps["Town04"] == shipped_folder() / "kingsway.xodr"
    assert known_maps(shipped_map(), {}).keys() == {"Ashford", "Flatfield", "Highfield", "Kingsway", "Millbrook"}
