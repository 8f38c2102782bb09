"""Edges lie on the nearer surface; edges and plain pixels weigh alike."""

import math

import pytest
import torch

from leadline.losses import balanced_cross_entropy, disparity_edges


def told_of(rows, known=None):
    disparity = torch.tensor(rows)[None, None]
    known = torch.ones_like(disparity, dtype=torch.bool) if known is None else torch.tensor(known)[None, None].bool()
    edges, told = disparity_edges(disparity, known)
    return edges[0, 0].int().tolist(), told[0, 0].int().tolist()


def test_a_near_stripe_has_an_edge_on_each_side():
    edges, told = told_of([[2.0, 2.0, 9.0, 9.0, 9.0, 2.0]] * 2)
    assert edges == [[0, 0, 1, 0, 1, 0]] * 2
    assert told == [[1] * 6] * 2


def test_rows_have_edges_as_columns_do():
    edges, _ = told_of([[9.0, 9.0], [9.0, 9.0], [3.0, 3.0]])
    assert edges == [[0, 0], [1, 1], [0, 0]]


@pytest.mark.parametrize(("slope", "edge"), [(1.0, 0), (1.5, 1), (-1.5, 1)])
def test_a_slope_is_an_edge_above_1_px(slope, edge):
    edges, _ = told_of([[20.0 + slope * x for x in range(4)]])
    assert sum(edges[0]) == 3 * edge


def test_nothing_is_told_beside_what_is_unknown():
    known = [[1, 1, 1, 1, 1]] * 2 + [[0, 1, 1, 1, 1]]
    edges, told = told_of([[2.0, 9.0, 9.0, 9.0, 2.0]] * 3, known)
    assert told == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert edges == [[0, 1, 0, 1, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0]]


def test_edges_weigh_as_much_as_all_the_rest():
    """One edge with P = 3/4, two other pixels with P = 1/2, and one that does not count."""
    logit = torch.tensor([math.log(3.0), 0.0, 0.0, 50.0]).view(1, 1, 1, 4)
    edges = torch.tensor([True, False, False, False]).view(1, 1, 1, 4)
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0]).view(1, 1, 1, 4)
    wanted = 0.5 * (math.log(4 / 3) + math.log(2.0))
    assert balanced_cross_entropy(logit, edges, weight).item() == pytest.approx(wanted, rel=1e-6)
    twice = [torch.cat([layer, layer[..., 1:3]], dim=3) for layer in (logit, edges, weight)]
    assert balanced_cross_entropy(*twice).item() == pytest.approx(wanted, rel=1e-6)


def test_without_edges_the_rest_teaches():
    none = torch.zeros(1, 1, 2, 2, dtype=torch.bool)
    loss = balanced_cross_entropy(torch.zeros(1, 1, 2, 2), none, torch.ones(1, 1, 2, 2))
    assert loss.item() == pytest.approx(0.5 * math.log(2.0))
