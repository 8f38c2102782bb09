"""Rendered single images: depth must be what geometry says, and things must have their size."""

from pathlib import Path

import numpy as np
import pytest

from leadline.data.mono.shards import DepthShards
from leadline.data.synthetic import furniture, outdoors, tabletop
from leadline.data.synthetic.contact_sheets import mono_contact_sheet
from leadline.data.synthetic.generate import generate_mono
from leadline.data.synthetic.mono import known_depth, render_mono
from leadline.data.synthetic.mono_worlds import MONO_WORLDS, random_mono_scene
from leadline.data.synthetic.render import Camera, Renderer
from leadline.data.synthetic.solids import blocks
from leadline.data.synthetic.stage import MonoStage, Viewpoint, air, placed
from leadline.data.synthetic.surfaces import SURFACES, surface
from leadline.data.synthetic.textures import TextureBank

SIZE, FOCAL_PX, CENTRE_PX = (61, 81), 70.0, (40.0, 30.0)


def bare(bank: TextureBank, view: Viewpoint) -> np.ndarray:
    """Depth in a room 4 m wide, 3 m deep and 2.5 m high, seen from the view."""
    stage = MonoStage(np.random.default_rng(0), bank, view)
    look = stage.material("wall")
    stage.add(blocks((2, 0, 3.1, 4, 2.5, 0.2), (2, -0.1, 1.5, 4, 0.1, 3), (2, 2.5, 1.5, 4, 0.1, 3)), look, 0, 0, 0)
    scene = stage.scene("bare", (), air(stage.rng, bank, 0.5, 0.5))
    camera = Camera(SIZE, FOCAL_PX, CENTRE_PX, scene.world_from_camera, np.zeros(3, np.float32))
    return Renderer(scene, bank).view(camera).depth


def test_a_wall_three_metres_ahead_is_at_three_metres(household: TextureBank) -> None:
    depth = bare(household, Viewpoint(2.0, 1.25, 0.0, 0.0, 0.0, 0.0, 1.0))
    # Rows within 1.25 m up and down at 3 m: 70 * 1.25 / 3 = 29.2 px about the centre, columns 70 * 2 / 3 = 46.7 px.
    np.testing.assert_allclose(depth[1:60], 3.0, rtol=1e-5)


def test_the_floor_is_at_h_f_over_y_minus_cy(household: TextureBank) -> None:
    depth = bare(household, Viewpoint(2.0, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0))
    rows = np.arange(42, 61)
    expected = 0.5 * FOCAL_PX / (rows - CENTRE_PX[1])
    assert expected.max() < 3.0
    np.testing.assert_allclose(depth[rows], np.repeat(expected[:, None], 81, 1), rtol=1e-4)


def test_pitch_looks_down_and_yaw_looks_right(household: TextureBank) -> None:
    # Looking down by 45 degrees from 1 m, the axis meets the floor after sqrt(2) m.
    down = bare(household, Viewpoint(2.0, 1.0, 0.5, 0.0, -np.pi / 4, 0.0, 1.0))
    assert down[30, 40] == pytest.approx(np.sqrt(2.0), rel=1e-4)
    # Turned right by 30 degrees, the axis meets the wall 3 m ahead after 3 / cos(30 deg); to its right it is farther.
    right = bare(household, Viewpoint(1.0, 1.0, 0.0, np.pi / 6, 0.0, 0.0, 1.0))
    assert right[30, 40] == pytest.approx(3.0 / np.cos(np.pi / 6), rel=1e-4)
    assert right[30, 50] > right[30, 40] > right[30, 30]


def test_sky_and_what_is_too_far_is_unknown() -> None:
    depth, valid = known_depth(np.array([[2.0, np.inf, 5000.0]], np.float32))
    assert depth.tolist() == [[2.0, 0.0, 0.0]]
    assert valid.tolist() == [[True, False, False]]


def test_same_seed_gives_the_same_sample(household: TextureBank) -> None:
    (first, view), (second, again) = (render_mono(7, (48, 64), bank=household) for _ in range(2))
    assert view == again
    assert first.image.tobytes() == second.image.tobytes()
    assert first.depth.tobytes() == second.depth.tobytes()
    assert first.camera == second.camera
    other, _ = render_mono(8, (48, 64), bank=household)
    assert first.image.tobytes() != other.image.tobytes()


def test_every_world_gives_plausible_depth(household: TextureBank) -> None:
    # How far things are: desks at arm's length, rooms within metres, streets and landscapes beyond.
    median: dict[str, list[float]] = {}
    for seed in range(60):
        sample, view = render_mono(seed, (36, 48), bank=household)
        known = sample.depth[sample.valid]
        assert sample.annotation == "metric"
        assert sample.camera is not None
        fov = 2 * np.arctan(0.5 * 48 / sample.camera.focal_x_px)
        assert np.deg2rad(44.9) < fov < np.deg2rad(82.1)
        assert 0.1 <= known.min() < known.max() < 900.0
        assert sample.valid.mean() > 0.35
        median.setdefault(view.world, []).append(float(np.median(known)))
    assert set(median) == {make.__name__ for make, _ in MONO_WORLDS}
    typical = {world: float(np.median(values)) for world, values in median.items()}
    assert 0.3 < typical["desk"] < 2.0 < typical["room"] < 6.0 < typical["street"]
    assert sum(w for make, w in MONO_WORLDS if make.__name__ in ("room", "desk", "corridor")) > 0.6


@pytest.mark.parametrize(
    "kinds",
    [furniture.ALONG_WALLS, furniture.ANYWHERE, tabletop.ON_TABLES, tabletop.OFFICE],
    ids=["along_walls", "anywhere", "on_tables", "office"],
)
def test_things_stand_on_their_foot_and_name_known_surfaces(kinds: tuple) -> None:
    rng = np.random.default_rng(3)
    for make, _ in kinds:
        for _ in range(5):
            thing = make(rng)
            points = np.concatenate([mesh.vertices for mesh, _ in thing.parts])
            assert abs(float(points[:, 1].max())) < 0.03, make.__name__
            assert {name.partition(":")[0] for _, name in thing.parts} <= set(SURFACES)
            assert np.isfinite(points).all()
            if thing.top:
                assert -float(points[:, 1].min()) >= thing.height_m - 1e-5


def test_a_car_is_as_large_as_a_car() -> None:
    thing = outdoors.car(np.random.default_rng(1))
    points = np.concatenate([mesh.vertices for mesh, _ in thing.parts])
    width, height, length = np.ptp(points, axis=0)
    assert 1.6 < width < 2.0
    assert 1.3 < height < 2.4
    assert 3.6 < length < 5.8


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_every_surface_is_made_and_reflects_light(household: TextureBank, name: str) -> None:
    look = surface(name, np.random.default_rng(4), household)
    shown = look.gain * household.mean[look.entries[0]] + look.bias
    assert 0.02 < shown.mean() < 1.1
    assert min(look.tile_m) > 0.0


def test_a_point_in_a_turned_thing_is_where_its_mesh_puts_it() -> None:
    # By a quarter turn, a thing's back (+z) points to +x and its right (+x) to -z.
    assert placed(1.0, 2.0, np.pi / 2, 0.0, 0.5) == pytest.approx((1.5, 2.0))
    assert placed(1.0, 2.0, np.pi / 2, 0.5, 0.0) == pytest.approx((1.0, 1.5))


def test_another_attempt_is_another_scene(household: TextureBank) -> None:
    first, second = (random_mono_scene(3, household, attempt) for attempt in (0, 1))
    assert first.vertices.tobytes() != second.vertices.tobytes()


def test_generated_shards_are_readable_and_kept(tmp_path: Path) -> None:
    first = generate_mono(3, 5, tmp_path, workers=0, size=(32, 48), shard_size=2)
    assert [len(DepthShards([p])) for p in first] == [2, 1]
    written = first[0].stat().st_mtime_ns
    first[1].unlink()
    assert generate_mono(3, 5, tmp_path, workers=0, size=(32, 48), shard_size=2) == first
    assert first[0].stat().st_mtime_ns == written
    shards = DepthShards(tmp_path)
    assert [shards.notes(i)["seed"] for i in range(3)] == [5, 6, 7]
    again, view = render_mono(7, (32, 48))
    back = shards[2]
    np.testing.assert_array_equal(back.image, again.image)
    np.testing.assert_allclose(back.depth[again.valid], again.depth[again.valid], rtol=1e-4)
    assert back.camera == again.camera
    assert shards.notes(2)["world"] == view.world


def test_the_contact_sheet_has_images_and_depth_side_by_side() -> None:
    image = mono_contact_sheet(range(3), (32, 48), across=2)
    # Four panels of 48 px with 10 px about them; two rows, the second half empty.
    assert image.shape[1] == 4 * 48 + 5 * 10
    assert (image[-20:, -40:] == 255).all()
