import io
import pickle

import cv2
import numpy as np
import pytest

from leadline.classical import ClassicalStereo
from leadline.data.datasets.wsvd import Wsvd
from leadline.errors import InputError
from leadline.maps import DisparityMap


def texture(seed: int, height: int = 64, width: int = 200) -> np.ndarray:
    """Blobs that survive a video's compression."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    blurred = cv2.GaussianBlur(noise, (0, 0), 1.5)
    grey = np.clip(128 + 60 * blurred / blurred.std(), 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def views(seed: int, disparity: int, width: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """x_right = x_left - disparity."""
    wide = texture(seed)
    return wide[:, 20 : 20 + width], wide[:, 20 + disparity : 20 + disparity + width]


def video(path, frames: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def clips(path, *listed: tuple[str, list[int], int]):
    """The published form: a list of videos with clips of int32 frame numbers and an int64 label."""
    path.write_bytes(pickle.dumps([entry(*video) for video in listed], protocol=3))
    return path


def entry(name: str, frames: list[int], label: int) -> dict:
    return {"name": name, "clips": [{"frames": np.array(frames, dtype=np.int32), "label": np.int64(label)}]}


MATCHER = ClassicalStereo("sgbm-3way", 15)


def test_frames_that_the_list_names_are_matched(tmp_path):
    shown = [np.hstack(views(1, 3)), np.hstack(views(2, 6)), np.hstack(views(3, 9)[::-1])]
    video(tmp_path / "videos/abc-_1.mp4", shown)
    listed = clips(tmp_path / "clips.pkl", ("abc-_1.f137", [1, 0], 1), ("abc-_1.f137", [2], -1), ("gone.f137", [5], 1))
    pairs = Wsvd(tmp_path / "videos", listed, MATCHER)
    assert [pairs.key(index) for index in range(len(pairs))] == ["abc-_1/000001", "abc-_1/000000", "abc-_1/000002"]
    assert pairs.missing == ("gone.f137",)
    for sample, seed, disparity in ((pairs[0], 2, 6.0), (pairs[1], 1, 3.0), (pairs[2], 3, 9.0)):
        left = views(seed, int(disparity))[0]
        assert np.abs(sample.image.astype(int) - left).mean() < 8  # the third frame has the right eye's view first
        inner = np.s_[8:-8, 20:-20]
        assert sample.valid[inner].mean() > 0.95
        assert np.median(sample.depth[inner][sample.valid[inner]]) == pytest.approx(disparity, abs=0.2)
        assert sample.annotation == "affine_inverse"
        assert sample.camera is None


def test_what_is_behind_the_screen_has_negative_disparity(tmp_path):
    video(tmp_path / "a.mkv", [np.hstack(views(1, -4))])
    pairs = Wsvd(tmp_path, clips(tmp_path / "clips.pkl", ("a", [0], 1)), MATCHER, behind_screen_px=8)
    sample = pairs[0]
    assert sample.image.shape == (64, 152, 3)
    inner = sample.valid[8:-8, 20:-20]
    assert inner.mean() > 0.95
    assert np.median(sample.depth[8:-8, 20:-20][inner]) == pytest.approx(-4.0, abs=0.2)
    with pytest.raises(InputError, match="wider than behind_screen_px 160, got 160 px"):
        Wsvd(tmp_path, tmp_path / "clips.pkl", MATCHER, behind_screen_px=160)[0]


def test_squeezed_views_are_widened(tmp_path):
    left, right = (cv2.resize(view[:, :96], (48, 64), interpolation=cv2.INTER_AREA) for view in views(1, 8))
    video(tmp_path / "a.mp4", [np.hstack([left, right])])
    sample = Wsvd(tmp_path, clips(tmp_path / "clips.pkl", ("a", [0], 1)), MATCHER)[0]
    assert sample.image.shape == (64, 96, 3)
    inner = np.s_[8:-8, 20:-10]
    assert np.median(sample.depth[inner][sample.valid[inner]]) == pytest.approx(8.0, abs=0.5)


def test_a_confidence_decides_what_counts(tmp_path):
    video(tmp_path / "a.mp4", [np.hstack(views(1, 3))])

    def matcher(left, right):
        confidence = np.full(left.shape[:2], 0.4, np.float32)
        confidence[:, :10] = 0.6
        valid = np.ones(left.shape[:2], bool)
        valid[:5] = False
        return DisparityMap(np.full(left.shape[:2], 3.0, np.float32), valid, confidence)

    sample = Wsvd(tmp_path, clips(tmp_path / "clips.pkl", ("a", [0], 1)), matcher)[0]
    assert sample.valid.sum() == 59 * 10
    assert sample.depth[:5].max() == 0.0
    assert sample.depth[5:, :10].min() == 3.0


def test_what_does_not_fit_is_refused(tmp_path):
    listed = clips(tmp_path / "clips.pkl", ("a", [7], 1))
    with pytest.raises(InputError, match=r"expected videos of .*found none; fetch some, such as a\.mp4"):
        Wsvd(tmp_path, listed, MATCHER)
    video(tmp_path / "a.mp4", [np.hstack(views(1, 3))] * 3)
    with pytest.raises(InputError, match=r"expected frame 7 in .*a\.mp4, got a file with 3 frames"):
        Wsvd(tmp_path, listed, MATCHER)[0]
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"expected frame 7 in .*a\.mp4, got a file with 0 frames"):
        Wsvd(tmp_path, listed, MATCHER)[0]
    with pytest.raises(InputError, match="behind_screen_px of at least 0, got -1"):
        Wsvd(tmp_path, listed, MATCHER, -1)
    with pytest.raises(InputError, match=r"a dataset's folder at .*none"):
        Wsvd(tmp_path / "none", listed, MATCHER)
    with pytest.raises(InputError, match=r"a list of WSVD's clips at .*none\.pkl"):
        Wsvd(tmp_path, tmp_path / "none.pkl", MATCHER)
    for wrong in (("a", [0], 2), ("a", [-1], 1), ("../a", [0], 1)):
        with pytest.raises(InputError, match="clips with a label of 1 or -1 and frames from 0"):
            Wsvd(tmp_path, clips(tmp_path / "wrong.pkl", wrong), MATCHER)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"name": 1}), pickle.dumps([{"name": "a"}])])
def test_a_list_of_another_form_is_refused(tmp_path, content):
    (tmp_path / "clips.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"could not read .*; fetch it again"):
        Wsvd(tmp_path, tmp_path / "clips.pkl", MATCHER)


class _Runs:
    def __reduce__(self):
        return io.open, ("ran", "w")


def test_a_list_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips.pkl").write_bytes(pickle.dumps([_Runs()]))
    with pytest.raises(InputError, match=r"ValueError: it names _?io\.open"):
        Wsvd(tmp_path, tmp_path / "clips.pkl", MATCHER)
    assert not (tmp_path / "ran").exists()


def test_the_lists_name_numpy_as_it_was_called(tmp_path):
    """Numpy 1 wrote numpy.core.multiarray, which numpy 2 warns of."""
    text = pickle.dumps([entry("a", [4], 1)], protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy.core.multiarray" in text
    (tmp_path / "clips.pkl").write_bytes(text)
    (tmp_path / "a.webm").write_bytes(b"")
    assert Wsvd(tmp_path, tmp_path / "clips.pkl", MATCHER).key(0) == "a/000004"
