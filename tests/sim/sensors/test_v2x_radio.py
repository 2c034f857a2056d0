"""Received power against the models' published formulas, computed by hand."""

import math

import numpy as np
import pytest

from sim.sensors.v2x_radio import Link, Path, Radio
from sim.world.blueprints import BLUEPRINTS

DEFAULTS = {attribute.name: attribute.value for attribute in BLUEPRINTS["sensor.other.v2x"].attributes}
CLEAR = Link(100.0, (1.5, 1.5), Path.CLEAR)


def radio(**attributes):
    return Radio(DEFAULTS | attributes, seed=0)


@pytest.mark.parametrize(
    ("scenario", "path", "loss_db"),
    [
        ("highway", Path.CLEAR, 32.4 + 40.0 + 20.0 * math.log10(5.9)),
        ("urban", Path.CLEAR, 38.77 + 33.4 + 18.2 * math.log10(5.9)),
        ("urban", Path.BUILDING, 36.85 + 60.0 + 18.9 * math.log10(5.9)),
    ],
)
def test_winner_at_a_hundred_metres(scenario, path, loss_db):
    assert radio(scenario=scenario).loss_db(Link(100.0, (1.5, 1.5), path)) == pytest.approx(loss_db)


def test_a_knife_edge_as_high_as_the_antennas_costs_six_decibels():
    over = radio().loss_db(Link(100.0, (1.5, 1.5), Path.VEHICLES, [(50.0, 50.0, 0.0)])) - radio().loss_db(CLEAR)
    assert over == pytest.approx(6.0, abs=0.1)  # ITU-R P.526: half of the field is lost


def test_two_rays_are_free_space_on_the_average_and_fall_with_the_fourth_power_far_off():
    geometric = radio(path_loss_model="geometric")
    near = [geometric.loss_db(Link(d, (5.0, 5.0), Path.CLEAR)) for d in np.linspace(20.0, 21.0, 50)]
    free = 20.0 * math.log10(4.0 * math.pi * 20.5 * 5.9e9 / 299_792_458.0)
    assert np.mean(near) == pytest.approx(free, abs=1.0)
    far = [geometric.loss_db(Link(d, (1.5, 1.5), Path.CLEAR)) for d in (10_000.0, 20_000.0)]
    assert far[1] - far[0] == pytest.approx(40.0 * math.log10(2.0), abs=0.5)


def test_fading_has_the_spread_of_its_scenario_and_the_same_seed_gives_the_same():
    def powers():
        receiver = radio(receiver_sensitivity="-200.0")
        return [receiver.power_dbm(21.5, CLEAR) for _ in range(2000)]

    assert powers() == powers()
    assert np.std(powers()) == pytest.approx(3.3, abs=0.15)
    assert np.mean(powers()) == pytest.approx(31.5 - radio().loss_db(CLEAR), abs=0.3)


def test_what_is_below_the_receivers_sensitivity_does_not_arrive():
    quiet = radio(use_etsi_fading="false", receiver_sensitivity="-50.0")
    assert quiet.power_dbm(21.5, CLEAR) is None
