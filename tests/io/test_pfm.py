from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.errors import InputError, OutputError
from leadline.io import read_pfm, write_pfm
from leadline.io.pfm import read_colour_pfm


def test_rows_are_stored_bottom_up_in_both_byte_orders(tmp_path: Path):
    for order, scale in (("<f4", b"-1"), (">f4", b"1.0")):
        bottom_then_top = np.array([3, 4, 1, 2], order).tobytes()
        (tmp_path / "a.pfm").write_bytes(b"Pf\n2 2\n" + scale + b"\n" + bottom_then_top)
        values = read_pfm(tmp_path / "a.pfm")
        assert values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert values.dtype == np.float32
        assert values.dtype.isnative


def test_what_is_written_is_read_and_opencv_agrees(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    write_pfm(tmp_path / "a.pfm", values)
    assert np.array_equal(read_pfm(tmp_path / "a.pfm"), values, equal_nan=True)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.pfm"), cv2.IMREAD_UNCHANGED), values, equal_nan=True)


def test_the_size_of_the_scale_is_ignored(tmp_path: Path):
    (tmp_path / "a.pfm").write_bytes(b"Pf\r\n1 1\r\n-0.003922\r\n" + np.float32(7).tobytes())
    assert read_pfm(tmp_path / "a.pfm").tolist() == [[7.0]]


def test_middlebury_truth(real_dir: Path):
    truth = read_pfm(real_dir / "stereo" / "teddy" / "disp0.pfm")
    assert truth.shape == (375, 450)
    assert np.isinf(truth).any()
    assert truth[np.isfinite(truth)].max() == pytest.approx(52.75)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"P5\n1 1\n255\n\0", "begins with 'Pf"),
        (b"Pf\n-1 1\n-1\n\0\0\0\0", "begins with 'Pf"),
        (b"Pf\n1 1\nnan\n\0\0\0\0", "begins with 'Pf"),
        (b"PF\n1 1\n-1\n" + bytes(12), "got three"),
        (b"Pf\n0 1\n-1\n", "positive size"),
        (b"Pf\n1 1\n0\n\0\0\0\0", "non-zero scale"),
        (b"Pf\n1 1\n1.1.1\n\0\0\0\0", "non-zero scale"),
        (b"Pf\n2 2\n-1\n" + bytes(15), "expected 16 bytes of data for 2x2, got 15"),
        (b"Pf 100000 100000 -1 x", "expected 40000000000 bytes of data"),
        (b"Pf\n99999\n9", "begins with 'Pf"),
        (b"", "empty"),
    ],
)
def test_bad_files_are_refused_before_any_allocation(tmp_path: Path, content: bytes, reason: str):
    (tmp_path / "a.pfm").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_pfm(tmp_path / "a.pfm")


def test_unwritable(tmp_path: Path):
    with pytest.raises(OutputError):
        write_pfm(tmp_path / "none" / "a.pfm", np.zeros((1, 1), np.float32))


def test_three_channels_are_read_by_those_who_ask_for_them(tmp_path):
    values = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    colour, grey = tmp_path / "colour.pfm", tmp_path / "grey.pfm"
    # Bottom row first, big-endian, as a positive scale says.
    colour.write_bytes(b"PF\n3 2\n1.0\n" + values[::-1].astype(">f4").tobytes())
    np.testing.assert_array_equal(read_colour_pfm(colour), values)
    write_pfm(grey, values[..., 0])
    with pytest.raises(InputError, match="expected three channels"):
        read_colour_pfm(grey)


@pytest.mark.parametrize(("order", "scale", "mend"), [("<f4", b"1.0", b"-1.0"), (">f4", b"-1.0", b"1.0")])
@pytest.mark.parametrize("fractions", [0.0, 0.37])
def test_a_byte_order_that_the_scale_denies_is_refused_and_the_mend_mends(tmp_path, order, scale, mend, fractions):
    values = np.arange(1, 25, dtype=np.float32).reshape(4, 6) + np.float32(fractions)
    data = values[::-1].astype(order).tobytes()
    (tmp_path / "a.pfm").write_bytes(b"Pf\n6 4\n" + scale + b"\n" + data)
    with pytest.raises(InputError, match="turn the sign of the scale"):
        read_pfm(tmp_path / "a.pfm")
    (tmp_path / "a.pfm").write_bytes(b"Pf\n6 4\n" + mend + b"\n" + data)
    assert np.array_equal(read_pfm(tmp_path / "a.pfm"), values)


def test_zeros_and_unknowns_are_no_byte_order(tmp_path):
    for values in (np.zeros((4, 6), np.float32), np.full((4, 6), np.inf, np.float32)):
        write_pfm(tmp_path / "a.pfm", values)
        assert np.array_equal(read_pfm(tmp_path / "a.pfm"), values)
