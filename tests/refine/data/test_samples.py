"""What a sample holds of the light ahead, from worked examples."""

from __future__ import annotations

import numpy as np
import torch

from refine.data.samples import LIGHTS, lit_cells
from refine.train.small_losses import lamp_loss


def street(lamp: tuple[int, int, int] | None = None, at: tuple[int, int] = (10, 100)) -> np.ndarray:
    image = np.full((96, 192, 3), 120, np.uint8)
    if lamp is not None:
        image[at[0] : at[0] + 4, at[1] : at[1] + 4] = lamp
    return image


def test_a_lamp_that_came_on_is_found_in_its_cell():
    lit = lit_cells(street((255, 40, 30)), street())
    assert lit.shape == (3, 6)
    assert np.argwhere(lit).tolist() == [[0, 3]]


def test_a_lamp_that_went_out_or_burns_in_both_pictures_is_none():
    red = street((255, 40, 30))
    assert not lit_cells(street(), red).any()
    assert not lit_cells(red, red).any()


def test_a_grey_car_that_moved_is_no_lamp():
    assert not lit_cells(street((200, 200, 205)), street()).any()


def test_a_lamp_named_rightly_costs_less_than_one_named_wrongly_or_not_known():
    lamps = torch.tensor([[0, 1, 0], [-1, -1, -1]])
    right = torch.full((2, 3, len(LIGHTS)), -4.0)
    right[0, [0, 2], 0] = right[0, 1, 1] = 4.0
    wrong = right.clone()
    wrong[0, 1] = torch.tensor([-4.0, -4.0, -4.0, 4.0])
    assert lamp_loss(right, lamps) < 0.01 < lamp_loss(wrong, lamps)
    elsewhere = right.clone()
    elsewhere[1] += torch.randn(3, len(LIGHTS))
    assert torch.equal(lamp_loss(elsewhere, lamps), lamp_loss(right, lamps))
