"""`leadline video`: files of a clip, exact resume, cuts, stereo, and input that cannot be used."""

import json
import resource
import signal

import cv2
import numpy as np
import pytest

from leadline.io.film_writing import write_film
from leadline.io.images import decode_image
from leadline.io.pfm import read_pfm, write_pfm
from leadline.io.video import open_frames
from leadline.results import video as video_results
from leadline.results.video import VideoProgress
from leadline.runtime.steady import SteadyDepth, SteadyState

COUNT = 14


@pytest.fixture(scope="module")
def frames():
    """Frames of a camera that pans over a texture."""
    noise = np.random.default_rng(0).normal(size=(64, 200, 3))
    smooth = sum(scale * cv2.GaussianBlur(noise, (0, 0), scale) for scale in (1.5, 4.0))
    texture = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    return [np.ascontiguousarray(texture[:, 3 * index : 3 * index + 96]) for index in range(COUNT)]


@pytest.fixture
def clip(frames, tmp_path, write_image):
    for index, frame in enumerate(frames):
        write_image(tmp_path / "clip" / f"{index}.png", frame)
    return tmp_path / "clip"


def maps(folder):
    return {path.stem: read_pfm(path) for path in (folder / "depth").iterdir()}


def test_a_folder_becomes_maps_on_one_scale_and_a_film(leadline, clip, tmp_path):
    out = tmp_path / "out"
    done = leadline("video", clip, "--output", out, "--window", "8", "--overlap", "3")
    assert done.code == 0, done.err
    assert {path.name for path in out.iterdir()} == {"depth", "film.mp4", "summary.json"}
    told = json.loads((out / "summary.json").read_text())
    assert (told["frames"], told["kind"], told["shots_begin_at"]) == (COUNT, "affine_inverse", [0])
    assert 0 < told["flicker"]["steadied"] < told["flicker"]["frame_by_frame"]
    film = open_frames(out / "film.mp4")
    assert (len(film), film.load(0)[0].pixels.shape) == (COUNT, (64, 192, 3))
    assert film.times_s[1] == pytest.approx(0.04)
    # The same as floats, within half a step of the 16 bits.
    assert (
        leadline("video", clip, "--output", tmp_path / "f", "--window", 8, "--overlap", 3, "--format", "pfm").code == 0
    )
    floats = maps(tmp_path / "f")
    step = (told["most"] - told["least"]) / 65534
    for name, values in floats.items():
        samples = decode_image((out / "depth" / f"{name}.png").read_bytes(), name).samples[..., 0]
        np.testing.assert_allclose(told["least"] + (samples - 1.0) * step, values, atol=0.51 * step)
    assert (
        leadline("video", clip, "--output", tmp_path / "n", "--window", 8, "--overlap", 3, "--format", "npz").code == 0
    )
    with np.load(tmp_path / "n" / "depth.npz") as archive:
        assert archive["names"].tolist() == [str(index) for index in range(COUNT)]
        np.testing.assert_array_equal(archive["depth"], np.stack([floats[str(index)] for index in range(COUNT)]))
    assert not (tmp_path / "n" / "depth").exists()


def test_a_stopped_run_goes_on_and_gives_the_same(leadline, clip, tmp_path, monkeypatch):
    words = ("video", clip, "--window", "6", "--overlap", "2", "--format", "pfm", "--output")
    assert leadline(*words, tmp_path / "whole").code == 0
    original = SteadyDepth.steady
    asked = []

    def stopping(self, frames, state=None):
        asked.append(0 if state is None else state.done)
        for number, found in enumerate(original(self, frames, state)):
            if len(asked) == 1 and number == 6:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(SteadyDepth, "steady", stopping)
    assert leadline(*words, tmp_path / "twice").code == 130
    assert not (tmp_path / "twice" / "summary.json").exists()
    assert leadline(*words, tmp_path / "twice").code == 0
    assert asked == [0, 4]  # a window ends after 4 frames of its own
    whole, twice = maps(tmp_path / "whole"), maps(tmp_path / "twice")
    assert whole.keys() == twice.keys()
    for name, values in whole.items():
        np.testing.assert_array_equal(values, twice[name])
    flicker = [json.loads((tmp_path / name / "summary.json").read_text())["flicker"] for name in ("whole", "twice")]
    assert flicker[0] == flicker[1]
    done = leadline(*words, tmp_path / "twice")
    assert (done.code, "finished and skipped" in done.err) == (0, True)
    done = leadline(*words[:-1], "--keep", "0.5", "--output", tmp_path / "twice")
    assert (done.code, "--overwrite" in done.one_line) == (2, True)
    assert leadline(*words, tmp_path / "twice", "--keep", "0", "--overwrite").code == 0


@pytest.mark.parametrize("form", ["png16", "npz"])
def test_a_run_that_is_killed_at_its_very_end_goes_on(leadline, clip, tmp_path, monkeypatch, form):
    """Power fails just before the summary is written: all that the files are made from is still there."""
    words = ("video", clip, "--format", form, "--output", tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(video_results, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert leadline(*words).code == 130
    asked = []
    monkeypatch.setattr(SteadyDepth, "steady", lambda _, frames, state: asked.append(state.done) or iter(()))
    assert leadline(*words).code == 0
    assert asked == [COUNT]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("summary.json", "film.mp4"),
        "depth" if form == "png16" else "depth.npz",
    }
    assert not list((tmp_path / "out").rglob("*.pfm"))


def test_damaged_state_of_a_stopped_run_starts_anew(tmp_path):
    request = {"model": "x"}
    progress = VideoProgress([0.1], [0.2], [0.3], [0], "metric")
    (tmp_path / "depth").mkdir()
    write_pfm(tmp_path / "depth" / "0.pfm", np.ones((3, 4), np.float32))
    video_results._save(tmp_path, request, SteadyState(1, fused=np.ones((3, 4, 2), np.float32)), progress)
    whole = (tmp_path / "unfinished.npz").read_bytes()
    assert video_results._resume(tmp_path, request, ("0",))[0].done == 1
    assert video_results._resume(tmp_path, request, ("1",))[0].done == 0  # its file is not there
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=3):
            damaged[at] = rng.integers(256)
        (tmp_path / "unfinished.npz").write_bytes(damaged)
        assert video_results._resume(tmp_path, request, ("0",))[0].done in (0, 1)


def test_an_archive_larger_than_the_disk_allows_needs_no_unpacked_copy(tmp_path):
    """Flat depth packs a thousandfold: a file of its unpacked size is never made."""
    paths = [tmp_path / f"{index}.pfm" for index in range(4)]
    for path in paths:
        write_pfm(path, np.full((200, 300), 2.0, np.float32))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
        video_results._write_archive(tmp_path / "depth.npz", paths, ["a", "b", "c", "d"], None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    with np.load(tmp_path / "depth.npz") as archive:
        assert archive["depth"].shape == (4, 200, 300)
        assert (archive["depth"] == 2.0).all()


def test_a_film_with_a_cut(leadline, frames, tmp_path):
    other = [np.ascontiguousarray(frame[::-1, ::-1]) for frame in frames[:5]]
    black = [np.zeros_like(frames[0])] * 2
    write_film(tmp_path / "a.mp4", [*frames[:6], *other, *black])
    done = leadline("video", tmp_path / "a.mp4", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert told["shots_begin_at"] == [0, 6, 11]
    assert "3 shots" in done.out


def test_two_views_give_disparity(leadline, frames, tmp_path, write_image):
    for index, frame in enumerate(frames[:4]):
        write_image(tmp_path / "left" / f"{index}.png", frame[:, :-7])
        write_image(tmp_path / "right" / f"{index}.png", frame[:, 7:])
    words = ("video", tmp_path / "left", tmp_path / "right", "--format", "pfm", "--output", tmp_path / "out")
    assert leadline(*words, "--model", "sgbm").code == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["kind"] == "disparity"
    assert np.median(maps(tmp_path / "out")["3"][10:-10, 20:-10]) == pytest.approx(7.0, abs=0.2)
    (tmp_path / "right" / "0.png").unlink()
    done = leadline(*words[:-1], tmp_path / "other")
    assert (done.code, "as many right frames as left ones, got 3" in done.one_line) == (2, True)
    # As many on both sides, but each lacks another one: in order, all pairs between the two would be of two moments.
    (tmp_path / "left" / "3.png").unlink()
    for command in (words[:-1], ("track-camera", *words[1:3], "--fov", "60", "--baseline-m", "0.1", "--output")):
        done = leadline(*command, tmp_path / "other")
        assert (done.code, "got none for 0.png" in done.one_line, "3.png alone" in done.one_line) == (2, True, True)


def test_a_damaged_tail_is_told_of(leadline, clip, tmp_path):
    (clip / "9.png").write_bytes((clip / "9.png").read_bytes()[:200])
    done = leadline("video", clip, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "the result ends before frame 9 of 14" in done.err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("absent.mp4",), "got no such file"),
        (("--window", "4", "--overlap", "4"), "overlap from 1 to 3 frames"),
        (("--fps", "0"), "frames a second above 0"),
        (("--model", "leadline-fast"), "use it with `leadline stereo`"),
    ],
)
def test_what_cannot_be_done_is_refused(leadline, clip, tmp_path, words, message):
    source = () if words[0].endswith("mp4") else (clip,)
    done = leadline("video", *source, *words, "--output", tmp_path / "out")
    assert (done.code, message in done.one_line) == (2, True)
    assert not (tmp_path / "out" / "summary.json").exists()


def test_one_frame_is_said_to_be_one(leadline, clip, tmp_path):
    done = leadline("video", str(clip / "1[0]*.png"), "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "one frame alone" in done.err


def test_mono_of_a_film_is_this(leadline, frames, tmp_path):
    write_film(tmp_path / "a.mp4", frames[:4])
    done = leadline("mono", tmp_path / "a.mp4", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames"] == 4
    done = leadline("mono", tmp_path / "a.mp4", "--fov", "60", "--output", tmp_path / "other")
    assert (done.code, "got the film" in done.one_line) == (2, True)
