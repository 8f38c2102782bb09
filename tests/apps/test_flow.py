"""`leadline flow`: the files of a pair, films and folders with resume, and input that cannot be used."""

import json

import cv2
import numpy as np
import pytest

from leadline.io.flo import read_flo
from leadline.io.images import read_image
from leadline.io.kitti_flow_png import read_kitti_flow
from leadline.io.pfm import read_pfm
from leadline.results.flow import FLOW_FILES

STEP_PX = 3


@pytest.fixture
def frames(tmp_path, texture, write_image):
    """Four frames of a camera that pans: what is seen goes 3 px to the left each time. Their order is a natural one."""
    names = ("img1.png", "img2.png", "img10.png", "img11.png")
    return [
        write_image(tmp_path / "frames" / name, texture[:, STEP_PX * index : STEP_PX * index + 160])
        for index, name in enumerate(names)
    ]


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def middle_flow(folder):
    return np.median(read_flo(folder / "flow.flo")[0][20:-20, 20:-20].reshape(-1, 2), axis=0)


@pytest.mark.parametrize("model", ["dis", "dis-ultrafast", "dis-fast", "dis-medium", "farneback"])
def test_a_pair_becomes_files(leadline, frames, tmp_path, model):
    done = leadline("flow", *frames[:2], "--model", model, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FLOW_FILES)
    np.testing.assert_allclose(middle_flow(tmp_path / "out"), [-STEP_PX, 0], atol=0.2)
    flow, known = read_flo(tmp_path / "out" / "flow.flo")
    assert known.all()
    coded, valid = read_kitti_flow(tmp_path / "out" / "flow_kitti.png")
    np.testing.assert_allclose(coded[valid], flow[valid], atol=1 / 128 + 1e-6)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "valid.png").pixels[..., 0] > 0, valid)
    confidence = read_pfm(tmp_path / "out" / "confidence.pfm")
    assert 0.0 <= confidence.min() <= confidence.max() <= 1.0
    summary = summary_of(tmp_path / "out")
    assert (summary["model"], summary["height"], summary["width"]) == (model, 120, 160)
    assert f"{summary['colour_scale_px']:.3g} px" in summary["units"]["flow_colour.png"]
    assert summary["valid_share"] == pytest.approx(valid.mean())


def test_a_folder_is_taken_in_natural_order_and_goes_on(leadline, frames, tmp_path):
    done = leadline("flow", tmp_path / "frames", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"img1", "img2", "img10"}
    for name in ("img1", "img2", "img10"):
        np.testing.assert_allclose(middle_flow(tmp_path / "out" / name), [-STEP_PX, 0], atol=0.2)
    assert (summary_of(tmp_path / "out" / "img2")["first"], summary_of(tmp_path / "out" / "img2")["second"]) == (
        "img2",
        "img10",
    )
    again = leadline("flow", tmp_path / "frames", "--output", tmp_path / "out")
    assert "3 of 3 pairs are finished and skipped" in again.err
    # Another third frame makes the pairs with it undone, and no other.
    cv2.imwrite(str(frames[2]), cv2.imread(str(frames[2])) // 2)
    again = leadline("flow", tmp_path / "frames", "--output", tmp_path / "out")
    assert "1 of 3 pairs are finished and skipped" in again.err
    other = leadline("flow", tmp_path / "frames", "--model", "dis-fast", "--output", tmp_path / "out")
    assert "3 of 3 results are replaced" in other.err


def test_a_pattern_is_a_sequence(leadline, frames, tmp_path):
    done = leadline("flow", tmp_path / "frames" / "img1*.png", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"img1", "img10"}


def write_film(path, pixels, stamps):
    av = pytest.importorskip("av", reason='no PyAV: pip install "leadline[video]"')
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *pixels[0].shape[:2], "yuv420p"
        for image, stamp in zip(pixels, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = stamp
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


def test_a_film_has_a_result_for_each_pair_with_its_times(leadline, texture, tmp_path):
    pixels = [np.ascontiguousarray(texture[:, STEP_PX * index : STEP_PX * index + 160]) for index in range(3)]
    film = write_film(tmp_path / "film.mkv", pixels, (0, 1, 5))
    done = leadline("flow", film, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"000000", "000001"}
    np.testing.assert_allclose(middle_flow(tmp_path / "out" / "000001"), [-STEP_PX, 0], atol=0.2)
    # 1/25 s, then 5/25 s: uneven, as the file says.
    assert summary_of(tmp_path / "out" / "000001")["times_s"] == pytest.approx([0.04, 0.2])
    assert summary_of(tmp_path / "out" / "000001")["request"]["frames"] == [1, 2]
    (tmp_path / "out" / "000000" / "summary.json").unlink()
    again = leadline("flow", film, "--output", tmp_path / "out")
    assert "1 of 2 pairs are finished and skipped" in again.err
    assert "1 of 1 pairs done" in again.err


def test_a_film_of_one_frame_is_refused(leadline, texture, tmp_path):
    film = write_film(tmp_path / "film.mkv", [np.ascontiguousarray(texture[:, :160])], (0,))
    done = leadline("flow", film, "--output", tmp_path / "out")
    assert done.code == 2
    assert "expected at least two frames" in done.one_line
    assert not (tmp_path / "out").exists()


def test_one_image_twice_does_not_move_and_says_so(leadline, frames, tmp_path):
    done = leadline("flow", frames[0], frames[0], "--output", tmp_path / "out")
    assert done.code == 0
    assert "note: both frames are one image: the flow is 0 everywhere" in done.err
    assert not read_flo(tmp_path / "out" / "flow.flo")[0].any()
    assert summary_of(tmp_path / "out")["notes"] == ["both frames are one image: the flow is 0 everywhere"]


def test_16_bit_grey_and_alpha(leadline, texture, tmp_path, write_image):
    grey = texture[..., 0].astype(np.uint16) * 16
    words = [write_image(tmp_path / f"g{i}.png", grey[:, STEP_PX * i : STEP_PX * i + 160]) for i in (0, 1)]
    done = leadline("flow", *words, "--output", tmp_path / "grey")
    assert done.code == 0
    assert "4095 taken as white" in done.err
    np.testing.assert_allclose(middle_flow(tmp_path / "grey"), [-STEP_PX, 0], atol=0.2)
    for index in (0, 1):
        colour = texture[:, STEP_PX * index : STEP_PX * index + 160]
        cv2.imwrite(str(tmp_path / f"a{index}.png"), np.dstack([colour, np.full(colour.shape[:2], 99, np.uint8)]))
    done = leadline("flow", tmp_path / "a0.png", tmp_path / "a1.png", "--output", tmp_path / "alpha")
    assert done.code == 0
    assert "alpha channel dropped" in done.err
    np.testing.assert_allclose(middle_flow(tmp_path / "alpha"), [-STEP_PX, 0], atol=0.2)


def test_what_cannot_be_used_is_one_line(leadline, frames, texture, tmp_path, write_image):
    small = write_image(tmp_path / "small.png", texture[:100, :160])
    flat = write_image(tmp_path / "flat.png", np.full((120, 160, 3), 90, np.uint8))
    (tmp_path / "text.mp4").write_text("no film")
    alone = write_image(tmp_path / "alone" / "a.png", texture[:, :160])
    for words, said in (
        ((frames[0], small), "expected two frames of one size, got"),
        ((frames[0], flat), "a second frame of one flat colour"),
        ((frames[0],), "expected a second frame after"),
        ((frames[0], tmp_path / "frames"), "expected an image as the second frame"),
        ((tmp_path / "frames", frames[0]), "expected one film, folder or pattern alone"),
        ((tmp_path / "text.mp4",), "expected a film that FFmpeg decodes"),
        ((tmp_path / "none.mp4",), "got no such file"),
        ((alone.parent,), "expected at least two frames"),
        ((*frames[:2], "--model", "raft"), "expected one of leadline-flow, dis, dis-ultrafast"),
        ((*frames[:2], "--model", "sgbm"), "use it with `leadline stereo`"),
        ((*frames[:2], "--model", "dis", "--provider", "cuda"), "expected provider cpu for dis"),
    ):
        done = leadline("flow", *words, "--output", tmp_path / "out")
        assert done.code == 2, words
        assert said in done.one_line
        assert not (tmp_path / "out").exists()
    assert leadline("flow", *frames[:2], "--output", tmp_path / "out").code == 0
    again = leadline("flow", *frames[:2], "--output", tmp_path / "out")
    assert again.code == 2
    assert "--overwrite" in again.one_line


def test_a_frame_that_fails_does_not_stop_the_others(leadline, frames, texture, tmp_path, write_image):
    write_image(frames[3], texture[:100, :160])
    done = leadline("flow", tmp_path / "frames", "--output", tmp_path / "out")
    assert done.code == 2
    assert "2 of 3 pairs done, 1 failed" in done.err
    assert "failed: img10: expected two frames of one size" in done.err


@pytest.mark.slow
def test_4k(leadline, tmp_path, write_image):
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (2160, 3860, 3), np.uint8), (0, 0), 3)
    words = [write_image(tmp_path / f"{i}.png", noise[:, 20 * i : 20 * i + 3840]) for i in (0, 1)]
    done = leadline("flow", *words, "--output", tmp_path / "out")
    assert done.code == 0
    np.testing.assert_allclose(middle_flow(tmp_path / "out"), [-20, 0], atol=0.2)
