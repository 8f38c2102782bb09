"""Rendered pairs: the truth must be exact, whatever the image."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.data.stereo.shards import StereoShards
from leadline.data.synthetic import render, shapes
from leadline.data.synthetic.generate import generate_stereo
from leadline.data.synthetic.render import Camera, Hits, Renderer, silhouettes
from leadline.data.synthetic.scene import Air, Assembly, Light, Material, Scene, rotation_matrix
from leadline.data.synthetic.stereo import occluded_left, render_stereo
from leadline.data.synthetic.textures import TextureBank
from leadline.data.synthetic.worlds import random_scene

SIZE = (96, 160)
FOCAL_PX, BASELINE_M = 150.0, 0.2


def plane_scene(bank: TextureBank, rotation: np.ndarray, depth_m: float) -> Scene:
    """A big textured plane, lit evenly."""
    look = Material((int(bank.groups["noise"][0]), 0), (4.0, 4.0), (0.3, 0.0), 0.0, np.ones(3), np.zeros(3), 0.0, 1.0)
    parts = Assembly()
    square = shapes.grid_mesh(np.stack([*np.meshgrid([-0.5, 0.5], [-0.5, 0.5]), np.zeros((2, 2))], -1), smooth=False)
    parts.add(square, rotation, np.full(3, 60.0), np.array([0.0, 0.0, depth_m]), look)
    ones = np.ones(3, np.float32)
    return Scene(
        **parts.arrays(),
        lights=(),
        air=Air(ones, ones, int(bank.groups["sky"][0]), ones, 0.0, ones),
        world_from_camera=np.eye(3, dtype=np.float32),
        hfov_rad=1.0,
        largest_disparity_px=10.0,
        name="plane",
    )


def camera(x_m: float = 0.0) -> Camera:
    centre = ((SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2)
    return Camera(SIZE, FOCAL_PX, centre, np.eye(3, dtype=np.float32), np.array([x_m, 0, 0], np.float32))


def warp(right: np.ndarray, disparity: np.ndarray) -> np.ndarray:
    """The right image seen through the left view's disparity."""
    y, x = np.indices(disparity.shape, np.float32)
    return cv2.remap(right, x - disparity, y, cv2.INTER_CUBIC)


def test_fronto_parallel_plane_has_disparity_f_b_over_z(bank: TextureBank) -> None:
    view = Renderer(plane_scene(bank, np.eye(3), 7.5), bank).view(camera())
    disparity = FOCAL_PX * BASELINE_M / view.depth
    np.testing.assert_allclose(disparity, 4.0, atol=1e-5)


def test_slanted_plane_agrees_with_geometry_at_pixel_centres(bank: TextureBank) -> None:
    rotation = rotation_matrix(0.6, 0.3, 0.0)
    view = Renderer(plane_scene(bank, rotation, 6.0), bank).view(camera())
    # The plane n . p = n . c, seen along ((x - cx) / f, (y - cy) / f, 1).
    normal = rotation[:, 2]
    y, x = np.indices(SIZE)
    slope = normal[0] * (x - 79.5) / FOCAL_PX + normal[1] * (y - 47.5) / FOCAL_PX + normal[2]
    np.testing.assert_allclose(view.depth, 6.0 * normal[2] / slope, rtol=1e-5)


@pytest.mark.parametrize("yaw_rad", [0.0, 0.7, -0.7])
def test_plane_images_match_through_the_disparity_without_bias(bank: TextureBank, yaw_rad: float) -> None:
    renderer = Renderer(plane_scene(bank, rotation_matrix(yaw_rad, 0.2, 0.0), 6.0), bank)
    left, right = renderer.view(camera()), renderer.view(camera(BASELINE_M))
    disparity = FOCAL_PX * BASELINE_M / left.depth
    inside = np.s_[4:-4, 40:-4]
    errors = []
    for offset in (-0.5, -0.1, 0.0, 0.1, 0.5):
        difference = warp(right.colour, disparity + np.float32(offset)) - left.colour
        errors.append(float(np.abs(difference[inside]).mean()))
    assert int(np.argmin(errors)) == 2
    assert errors[2] < 0.01


def test_warped_right_view_shows_the_left_where_not_occluded(bank: TextureBank) -> None:
    errors, swapped = [], []
    for seed in range(6):
        sample, _ = render_stereo(seed, (160, 320), sensor=False, highlights=False, bank=bank)
        shown = warp(sample.right, sample.disparity).astype(np.float32)
        error = np.abs(shown - sample.left).mean(-1)
        seen = sample.valid & ~sample.occluded
        errors.append(float(np.median(error[seen])))
        shown = warp(sample.left[:, ::-1], sample.right_truth.disparity[:, ::-1])[:, ::-1].astype(np.float32)
        swapped.append(float(np.median(np.abs(shown - sample.right).mean(-1)[~sample.right_occluded])))
    assert max(errors) < 3.0
    assert max(swapped) < 3.0


def test_occlusion_of_a_near_strip() -> None:
    # A strip 10 px nearer at columns 20..29 of the left view covers columns 10..19 of the right one.
    left, right = np.zeros((4, 40), np.float32), np.zeros((4, 40), np.float32)
    left[:, 20:30], right[:, 10:20] = 10.0, 10.0
    expected = np.zeros((4, 40), bool)
    expected[:, 10:20] = True
    # Where a landing point lies exactly on a pixel, its right neighbour is looked at too.
    expected[:, 19] = False
    np.testing.assert_array_equal(occluded_left(left, right), expected)


def test_occlusion_agrees_with_its_definition_pixel_by_pixel() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    left, right = (rng.uniform(0, 12, (5, 30)).round(1).astype(np.float32) for _ in range(2))
    expected = np.zeros(left.shape, bool)
    for y, x in np.ndindex(left.shape):
        place = np.float32(x) - left[y, x]
        beside = [min(max(int(np.floor(place)) + i, 0), 29) for i in (0, 1)]
        expected[y, x] = place < -0.5 or place > 29.5 or right[y, beside].min() > left[y, x] + np.float32(0.3)
    np.testing.assert_array_equal(occluded_left(left, right), expected)


def test_points_that_leave_the_image_are_occluded() -> None:
    disparity = np.full((2, 20), 5.0, np.float32)
    assert occluded_left(disparity, disparity).sum(1).tolist() == [5, 5]


def test_same_seed_gives_the_same_bytes(bank: TextureBank) -> None:
    first, second = (render_stereo(11, (64, 128), bank=bank)[0] for _ in range(2))
    for name in ("left", "right", "disparity", "occluded"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert first.right_truth.disparity.tobytes() == second.right_truth.disparity.tobytes()


def test_disparities_reach_what_was_drawn(bank: TextureBank) -> None:
    maps = [render_stereo(s, (64, 128), sensor=False, bank=bank)[0].disparity for s in range(40)]
    tops = [float(np.quantile(m, 0.99)) for m in maps]
    # At a fifth of the width, a fifth of 8 to 190 px.
    assert min(tops) < 6.0
    assert 15.0 < max(tops) < 40.0


def test_a_lamp_behind_a_board_leaves_a_shadow(bank: TextureBank) -> None:
    scene = plane_scene(bank, np.eye(3), 6.0)
    lamp = Light(np.array([0, 0, 3], np.float32), np.ones(3, np.float32), False, 5.0, 1.0)
    lit = Renderer(Scene(**{**scene.__dict__, "lights": (lamp,)}), bank).view(camera()).colour
    hidden = Light(np.array([0, 0, 9], np.float32), np.ones(3, np.float32), False, 5.0, 1.0)
    dark = Renderer(Scene(**{**scene.__dict__, "lights": (hidden,)}), bank).view(camera()).colour
    unlit = Renderer(scene, bank).view(camera()).colour
    assert lit.mean() > 1.2 * unlit.mean()
    np.testing.assert_allclose(dark, unlit, atol=1e-5)


def traced_light_share(self: Renderer, hits: Hits) -> np.ndarray:
    """The share of the first light by one ray a point, wherever the surface faces."""
    lamp, share = self.scene.lights[0], np.ones(len(hits.face), np.float32)
    facet = self.scene.facets[hits.face]
    facet = -np.sign((facet * hits.directions.T).sum(1, keepdims=True)) * facet
    points = hits.points().T
    for i in np.flatnonzero(hits.face >= 0):
        start = points[i] + facet[i] * np.float32(2e-3) * hits.depth[i]
        towards = 1000 * lamp.place if lamp.is_sun else np.float32(0.99) * (lamp.place - points[i])
        share[i] = not self.blocked(start, start + towards)
    return share


@pytest.mark.parametrize(("seed", "is_sun"), [(1, False), (8, True)])
def test_a_image_is_the_same_with_a_shadow_ray_everywhere(
    bank: TextureBank, monkeypatch: pytest.MonkeyPatch, seed: int, is_sun: bool
) -> None:
    scene = random_scene(seed, bank)
    assert scene.lights[0].is_sun == is_sun
    image = Renderer(scene, bank).view(camera(), antialias=False).colour
    unshadowed = Renderer(scene, bank, shadows=False).view(camera(), antialias=False).colour
    monkeypatch.setattr(Renderer, "_light_share", traced_light_share)
    difference = np.abs(Renderer(scene, bank).view(camera(), antialias=False).colour - image).max(-1)
    # The scene has shadows, so that the comparison says something.
    assert (np.abs(unshadowed - image).max(-1) > 0.05).mean() > 0.02
    assert (difference > 0.01).mean() < 1e-3


def test_a_image_does_not_depend_on_the_pieces_it_is_shaded_in(
    bank: TextureBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = random_scene(1, bank)
    whole = Renderer(scene, bank).view(camera())
    monkeypatch.setattr(render, "_CHUNK", 1000)
    pieces = Renderer(scene, bank).view(camera())
    np.testing.assert_allclose(pieces.colour, whole.colour, atol=1e-5)
    np.testing.assert_allclose(pieces.normal, whole.normal, atol=1e-5)


def test_silhouettes_show_the_mean_of_four_samples(bank: TextureBank) -> None:
    scene = random_scene(1, bank)
    renderer = Renderer(scene, bank, shadows=False)
    fine, coarse = renderer.view(camera()), renderer.view(camera(), antialias=False)
    edges = silhouettes(fine.depth, fine.chart)
    assert 0.01 < edges.mean() < 0.5
    np.testing.assert_array_equal(fine.colour[~edges], coarse.colour[~edges])
    samples = []
    for x, y in ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125)):
        moved = replace(camera(), centre_px=((SIZE[1] - 1) / 2 - x, (SIZE[0] - 1) / 2 - y))
        samples.append(renderer.view(moved, antialias=False).colour[edges])
    error = np.abs(np.mean(samples, axis=0) - fine.colour[edges])
    # A ray that grazes a silhouette may fall to the other side by rounding.
    assert np.quantile(error, 0.99) < 1e-4


def test_generated_shards_are_readable_and_kept(tmp_path: Path) -> None:
    first = generate_stereo(3, 5, tmp_path, workers=0, size=(32, 64), shard_size=2)
    assert [len(StereoShards([p])) for p in first] == [2, 1]
    written = first[0].stat().st_mtime_ns
    first[1].unlink()
    assert generate_stereo(3, 5, tmp_path, workers=0, size=(32, 64), shard_size=2) == first
    assert first[0].stat().st_mtime_ns == written
    shards = StereoShards(tmp_path)
    assert [shards.notes(i)["seed"] for i in range(3)] == [5, 6, 7]
    again, _ = render_stereo(7, (32, 64))
    np.testing.assert_array_equal(shards[2].left, again.left)
