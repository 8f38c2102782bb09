"""Pairs from single photographs: what the warp does to flat and stepped scenes, and shards that go on."""

from dataclasses import dataclass

import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.data.audit.measure import figures_of
from leadline.data.stereo.shards import StereoShards
from leadline.data.synthetic.from_photos import (
    PhotoPairs,
    fitted,
    forward_warped,
    generate_from_photos,
    inverse_depth,
    random_scale,
    stereo_from_photo,
)
from leadline.errors import InputError
from leadline.io.images import write_image
from leadline.maps import DepthMap


def noise(seed: int, size: tuple[int, int] = (48, 96)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_a_step_in_depth_hides_and_uncovers_as_much_as_it_moves():
    # The right half is near: it moves by 10 px and covers what is far to its left.
    inverse = np.repeat((np.arange(96) >= 48).astype(np.float32)[None], 48, axis=0)
    sample = stereo_from_photo(noise(0), noise(1), inverse, 10.0)
    near, far = sample.disparity[0, 80], sample.disparity[0, 20]
    assert (near, far) == pytest.approx((10.0, 0.3))
    hidden = np.flatnonzero(sample.occluded[24])
    # Where the board lands: columns 38 to 47; at the left border 0.3 px of a pixel leave the view.
    assert set(range(40, 47)) <= set(hidden.tolist()) <= set(range(37, 50))
    # The last 10 columns of the right view are seen by nobody, and come from the other photograph.
    assert sample.right_occluded[24, 86:].all()
    assert not sample.right_occluded[24, 40:85].any()
    np.testing.assert_array_equal(sample.right[:, 40:80], sample.left[:, 50:90])
    figures = figures_of(sample)
    assert figures["match"]["share"] > 0.9
    assert figures["consistent"]["share"] > 0.98


def test_a_slope_is_drawn_between_whole_pixels():
    # Disparity grows by 0.25 px a column: x' = 0.75 x - 2, so d' = 2 + 0.25 (x' + 2) / 0.75.
    disparity = np.repeat((2.0 + 0.25 * np.arange(40, dtype=np.float32))[None], 2, axis=0)
    right, seen = forward_warped(disparity)
    columns = np.arange(20)
    assert seen[0, :20].all()
    np.testing.assert_allclose(right[0, :20], 2.0 + 0.25 * (columns + 2.0) / 0.75, atol=1e-4)


def test_the_nearest_surface_is_seen():
    disparity = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 4.0, 4.0, 0.0]], np.float32)
    right, seen = forward_warped(disparity)
    assert right[0, :5].tolist() == [0.0, 4.0, 4.0, 4.0, 0.0]
    assert seen[0].tolist() == [True, True, True, True, True, False, False, False, False]


def test_every_kind_of_depth_becomes_inverse_depth():
    values, valid = np.array([[2.0, 4.0, 9.0]], np.float32), np.array([[True, True, False]])
    assert inverse_depth(DepthMap(values, valid, "metric")).tolist() == [[0.5, 0.25, 0.25]]
    assert inverse_depth(DepthMap(values, valid, "affine_inverse")).tolist() == [[2.0, 4.0, 2.0]]
    assert inverse_depth(DepthMap(values, valid, "affine_depth")).tolist() == [[-2.0, -4.0, -4.0]]
    with pytest.raises(InputError, match="expected depth of a photograph"):
        inverse_depth(DepthMap(values, np.zeros((1, 3), bool), "metric"))


def test_scales_are_mostly_5_to_15_percent():
    scales = np.array([random_scale(np.random.default_rng(seed)) for seed in range(400)])
    assert 0.01 <= scales.min() <= scales.max() <= 0.2
    assert ((scales >= 0.05) & (scales <= 0.15)).mean() == pytest.approx(0.8 + 0.2 * 0.1 / 0.19, abs=0.06)


def test_photos_are_scaled_to_cover_and_cut():
    assert fitted(noise(0, (100, 50)), (32, 64)).shape == (32, 64, 3)
    assert fitted(noise(0, (10, 500)), (32, 64)).shape == (32, 64, 3)


@dataclass(frozen=True)
class Ramp:
    """A method that takes the bottom of an image for near."""

    def __call__(self, image: np.ndarray) -> DepthMap:
        rows = np.repeat(np.linspace(0.0, 1.0, image.shape[0], dtype=np.float32)[:, None], image.shape[1], axis=1)
        return DepthMap(rows, np.ones(rows.shape, bool), "affine_inverse")


def test_shards_that_are_there_are_kept(tmp_path):
    files = tuple(tmp_path / f"{seed}.png" for seed in range(2))
    for seed, file in enumerate(files):
        write_image(file, noise(seed))
    pairs, told = PhotoPairs(files, Ramp(), (32, 64), 7), list[int]()
    paths = generate_from_photos(pairs, 3, tmp_path / "out", shard_size=2)
    written = paths[0].stat().st_mtime_ns
    assert generate_from_photos(pairs, 3, tmp_path / "out", 2, told.append) == paths
    assert (told, paths[0].stat().st_mtime_ns) == ([2, 1], written)
    shards = StereoShards(paths)
    assert [shards.notes(index)["photo"] for index in range(3)] == ["0.png", "1.png", "0.png"]
    assert shards.notes(0)["filler"] == "1.png"
    # A photograph that is taken again has another scale.
    assert shards[0].disparity.max() != shards[2].disparity.max()


def test_the_command_writes_shards_and_a_sheet(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    write_image(tmp_path / "photos" / "a.png", noise(0))
    words = ["render", "from-photos", str(tmp_path / "photos"), "--size", "96x64", "--threads", "1"]
    assert main([*words, "--output", str(tmp_path / "out"), "--count", "1"]) == 0
    assert len(StereoShards(tmp_path / "out")) == 1
    assert (tmp_path / "out" / "contact_sheet.png").is_file()
    assert main([*words, "--output", str(tmp_path / "no"), "--count", "0"]) == 2
    assert "--count from 1" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="of one size"):
        stereo_from_photo(noise(0), noise(1, (40, 96)), np.ones((48, 96), np.float32), 5.0)
    with pytest.raises(InputError, match="a disparity from 1 to 250 px"):
        stereo_from_photo(noise(0), noise(1), np.ones((48, 96), np.float32), 0.5)
