"""Rays and distances of simple bodies, by hand."""

import numpy as np
import pytest

from leadline.robotics.simulation.bodies import Ball, Bodies, Box, Pole, World, cast_rays


def cast(world, *rays, origin=(0.0, 0.0, 1.0)):
    return cast_rays(Bodies.of([world]), np.array([origin]), np.array([rays], float))


def test_rays_hit_each_kind_of_body_where_it_is():
    world = World(
        "test",
        boxes=(Box((3.0, 0.0, 1.0), (0.5, 1.0, 1.0), 0.0, 0.7),),
        poles=(Pole((0.0, 2.0), 0.25, reflectance=0.3),),
        balls=(Ball((-4.0, 0.0, 1.0), 1.0, 0.9),),
    )
    hits = cast(world, (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, 0, -1), (0, -1, 0))
    assert hits.way[0] == pytest.approx([2.5, 1.75, 3.0, 1.0, np.inf])
    assert hits.reflectance[0, :4] == pytest.approx([0.7, 0.3, 0.9, 0.4])


def test_lengths_are_those_of_the_ray():
    hits = cast(World("test", boxes=(Box((3.0, 0.0, 1.0), (0.5, 9.0, 9.0)),)), (1.0, 1.0, 0.0), (2.0, 0.0, 0.0))
    assert hits.way[0] == pytest.approx([2.5, 1.25])


def test_a_turned_box_is_met_at_its_corner():
    world = World("test", boxes=(Box((3.0, 0.0, 1.0), (1.0, 1.0, 1.0), np.pi / 4),))
    assert cast(world, (1, 0, 0)).way[0, 0] == pytest.approx(3.0 - np.sqrt(2.0), rel=1e-5)


def test_glass_lets_the_ray_pass_and_is_told():
    world = World(
        "test", boxes=(Box((1.0, 0.0, 1.0), (0.01, 1.0, 1.0), glass=True), Box((3.0, 0.0, 1.0), (0.5, 1.0, 1.0)))
    )
    hits = cast(world, (1, 0, 0))
    assert (hits.way[0, 0], hits.glass[0, 0]) == pytest.approx((2.5, 0.99))


def test_glass_behind_a_wall_is_not_told():
    world = World(
        "test", boxes=(Box((5.0, 0.0, 1.0), (0.01, 1.0, 1.0), glass=True), Box((3.0, 0.0, 1.0), (0.5, 1.0, 1.0)))
    )
    assert cast(world, (1, 0, 0)).glass[0, 0] == np.inf


def test_ceiling_and_floor():
    hits = cast(World("test", ceiling_m=2.5), (0, 0, 1), (0, 0, -2))
    assert hits.way[0] == pytest.approx([1.5, 0.5])


def test_distances_from_each_kind_of_body():
    world = World(
        "test",
        boxes=(Box((3.0, 0.0, 1.0), (0.5, 1.0, 1.0)),),
        poles=(Pole((0.0, 2.0), 0.25, 0.0, 1.5),),
        balls=(Ball((-4.0, 0.0, 1.0), 1.0),),
    )
    places = np.array([[[2.0, 0.0, 1.0], [0.0, 1.5, 1.0], [-2.5, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 2.0, 1.9]]])
    assert Bodies.of([world]).distance_m(places)[0] == pytest.approx([0.5, 0.25, 0.5, -0.5, 0.4])


def test_walkers_are_at_the_ends_of_their_walk_after_a_quarter():
    walker = Pole((1.0, 0.0), 0.2, walk_m=(0.0, 0.8), walk_rad_s=np.pi)
    poles = Bodies.of([World("test", poles=(walker,))]).at(0.5).poles
    assert poles[0, 0, :2] == pytest.approx([1.0, 0.8])


def test_worlds_with_fewer_bodies_see_nothing_of_the_padding():
    empty, full = World("empty"), World("full", poles=(Pole((2.0, 0.0), 0.5),))
    rays = np.tile(np.array([[1.0, 0.0, 0.0]]), (2, 1, 1))
    hits = cast_rays(Bodies.of([empty, full]), np.tile([0.0, 0.0, 1.0], (2, 1)), rays)
    assert hits.way[:, 0] == pytest.approx([np.inf, 1.5])
