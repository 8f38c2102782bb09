"""Rendered sequences: what must hold of any of them, and what shards keep of it."""

import re

import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.data.synthetic.generate import Sequences, generate_video
from leadline.data.synthetic.motion import RigidMotion, SwayingMotion
from leadline.data.synthetic.video import render_video
from leadline.data.video.shards import SequenceDepths, SequenceShards, ShardTriplets, write_sequence_shard
from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.samples import SequenceSample

SIZE = (48, 96)


@pytest.fixture(scope="module")
def still(bank, household):
    return {seed: render_video(seed, SIZE, 3, sensor=False)[0] for seed in (1, 2, 4)}


@pytest.fixture(scope="module")
def moving(bank, household):
    return render_video(1, SIZE, 3, "moving", "stereo")


def projected(sample: SequenceSample, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Flow from depth and poses alone, and where it is known: K (R Z K^-1 p + t) - p."""
    depth, camera = sample.depths[start], sample.camera.matrix
    y, x = np.indices(SIZE)
    pixels = np.stack([x, y, np.ones(SIZE)])[:, depth.valid]
    points = np.linalg.inv(camera) @ pixels * depth.depth[depth.valid]
    end_from_start = np.linalg.inv(sample.first_from_frame[end]) @ sample.first_from_frame[start]
    moved = camera @ (end_from_start[:3, :3] @ points + end_from_start[:3, 3:])
    return (moved[:2] / moved[2] - pixels[:2]).T, depth.valid


def test_where_nothing_moves_flow_is_that_of_depth_and_poses(still):
    for sample in still.values():
        for number in range(2):
            flow, known = projected(sample, number, number + 1)
            np.testing.assert_allclose(sample.forward[number].flow[known], flow, atol=0.03)
            back, known = projected(sample, number + 1, number)
            np.testing.assert_allclose(sample.backward[number].flow[known], back, atol=0.03)
        assert not any(mask.any() for mask in sample.moving)


def test_the_camera_always_shifts_and_changes_its_speed(still):
    for sample in still.values():
        places = sample.first_from_frame[:, :3, 3]
        steps = np.diff(places, axis=0)
        assert np.linalg.norm(steps, axis=1).min() > 0
        assert np.linalg.norm(steps[1] - steps[0]) > 0.01 * np.linalg.norm(steps[0])
        np.testing.assert_allclose(sample.first_from_frame[0], np.eye(4), atol=1e-6)


def test_bodies_that_move_are_marked_and_have_another_flow(moving):
    sample, notes = moving
    assert notes.moving_bodies > 0
    for number in range(2):
        share = sample.moving[number].mean()
        assert 0.02 < share < 0.4
        flow, known = projected(sample, number, number + 1)
        off = np.linalg.norm(sample.forward[number].flow[known] - flow, axis=1)
        bodies = sample.moving[number][known]
        assert off[~bodies].max() < 0.05
        assert off[bodies].max() > 0.5


def test_right_views_stand_a_baseline_to_the_right(bank, household):
    """In the right view a pixel is f b / Z farther left: the warped view looks more alike than the unmoved one."""
    sample, _ = render_video(1, SIZE, 2, views="stereo", sensor=False)
    depth = sample.depths[1]
    y, x = np.nonzero(depth.valid)
    source = np.rint(x - sample.camera.focal_x_px * sample.baseline_m / depth.depth[y, x]).astype(int)
    inside = source >= 0
    left, right = sample.frames[1].astype(float), sample.rights[1].astype(float)
    warped = np.abs(left[y, x] - right[y, source.clip(0)])[inside].mean()
    assert warped < 0.6 * np.abs(left[y, x] - right[y, x])[inside].mean()


def test_shards_hold_what_was_rendered(tmp_path, moving):
    sequence = Sequences(frames=3, objects="moving", views="stereo")
    (path,) = generate_video(1, 1, tmp_path, sequence, workers=0, size=SIZE)
    written = path.stat().st_mtime_ns
    assert generate_video(1, 1, tmp_path, sequence, workers=0, size=SIZE) == [path]
    assert path.stat().st_mtime_ns == written
    sample, notes = moving
    found, shards = SequenceShards(tmp_path)[0], SequenceShards(tmp_path)
    assert shards.notes(0)["moving_bodies"] == notes.moving_bodies
    assert (found.camera, found.baseline_m) == (sample.camera, sample.baseline_m)
    np.testing.assert_array_equal(found.first_from_frame, sample.first_from_frame)
    for kind in ("frames", "rights", "hidden_after", "hidden_before", "moving"):
        np.testing.assert_array_equal(getattr(found, kind), getattr(sample, kind))
    for ours, theirs in zip(found.depths, sample.depths, strict=True):
        np.testing.assert_allclose(ours.depth, theirs.depth, rtol=1e-4)
    for kind in ("forward", "backward"):
        for ours, theirs in zip(getattr(found, kind), getattr(sample, kind), strict=True):
            np.testing.assert_allclose(ours.flow[ours.valid], theirs.flow[ours.valid], atol=1 / 128 + 1e-6)

    (triplet,) = (ShardTriplets(tmp_path, right=True)[n] for n in range(1))
    np.testing.assert_array_equal(triplet.following, sample.frames[2])
    np.testing.assert_array_equal(triplet.right, sample.rights[1])
    assert ShardTriplets(tmp_path)[0].baseline_m is None
    np.testing.assert_array_equal(SequenceDepths(tmp_path)[0].image, sample.frames[1])
    np.testing.assert_allclose(SequenceDepths(tmp_path)[0].depth, sample.depths[1].depth, rtol=1e-4)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            ["--frames", "2"],
            r"expected 2 frames, objects still, views mono in .* of an earlier run, got 3, still, mono",
        ),
        (["--objects", "moving"], r"got 3, still, mono; choose another --output, or delete it"),
        (["--views", "stereo"], r"got 3, still, mono"),
        (["--size", "64x48"], r"expected 64x48 px"),
        (["--frames", "1"], r"expected --frames from 2 to 1000, got 1"),
    ],
)
def test_what_another_run_rendered_is_not_taken_for_this_ones(tmp_path, still, capsys, asked, message):
    notes = {"objects": "still"}
    write_sequence_shard(tmp_path / "video-00000001.tar", [(still[1], notes)])
    words = {"--count": "1", "--seed": "1", "--output": str(tmp_path), "--size": "96x48", "--workers": "0"}
    words |= dict([asked])
    assert main(["render", "video", *(word for pair in words.items() for word in pair)]) == 2
    told = capsys.readouterr().err
    assert re.search(message, " ".join(told.split()))


def test_the_contact_sheet_is_written(tmp_path, bank, household):
    words = ["render", "video", "--count", "1", "--seed", "1", "--size", "64x32", "--workers", "0", "--frames", "2"]
    assert main([*words, "--output", str(tmp_path)]) == 0
    assert (tmp_path / "contact_sheet.png").is_file()
    assert len(SequenceShards(tmp_path)[0].frames) == 2


def test_a_swaying_path_is_at_its_start_at_time_0():
    even = RigidMotion(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.1, 0.0]))
    motion = SwayingMotion(even, np.array([0.3, 0.0, 0.0]), np.array([0.0, 0.05, 0.0]), 6.0, 0.7)
    rotation, shift = motion.at(0.0)
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(shift, 0.0, atol=1e-12)
    # After a whole period only the even motion is left.
    np.testing.assert_allclose(motion.at(6.0)[0], even.at(6.0)[0], atol=1e-12)
    np.testing.assert_allclose(motion.at(6.0)[1], even.at(6.0)[1], atol=1e-12)


def test_shards_that_cannot_be_learned_from_are_refused(tmp_path, still):
    short = SequenceSample("a", still[1].frames[:2], still[1].camera)
    write_sequence_shard(tmp_path / "0.tar", [(short, {})])
    with pytest.raises(InputError, match=r"at least 3 frames for frames 1 apart in .*, got 2; render them with"):
        ShardTriplets(tmp_path)
    write_sequence_shard(tmp_path / "0.tar", [(still[1], {})])
    with pytest.raises(InputError, match="expected right views in the shards"):
        ShardTriplets(tmp_path, right=True)
    relative = DepthMap(still[1].depths[0].depth, still[1].depths[0].valid, "up_to_scale")
    with pytest.raises(InputError, match="expected metric depth for a shard, got up_to_scale"):
        write_sequence_shard(
            tmp_path / "1.tar", [(SequenceSample("a", short.frames, short.camera, depths=(relative,) * 2), {})]
        )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": ()}, "expected at least one frame in a, got none"),
        ({"moving": (np.zeros(SIZE, bool),)}, "expected 3 of object mask for 3 frames in a, got 1"),
        ({"first_from_frame": np.tile(np.eye(4), (2, 1, 1))}, "expected a pose of each of 3 frames in a, got 2"),
        ({"baseline_m": 0.1}, "expected right views and their baseline, or neither"),
        ({"moving": (np.zeros((2, 2), bool),) * 3}, "object mask of the first frame's"),
    ],
)
def test_sequences_that_do_not_belong_together_are_refused(still, changed, message):
    sample = still[1]
    with pytest.raises(InputError, match=message):
        SequenceSample(**{"key": "a", "frames": sample.frames, "camera": sample.camera, **changed})
