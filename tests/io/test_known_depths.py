import numpy as np
import pytest

from leadline.errors import InputError
from leadline.io.known_depths import read_known_points, read_tof_zones


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "known.csv").write_text(text)
        return tmp_path / "known.csv"

    return write


@pytest.mark.parametrize("header", ["", "x,y,metres\n", "X, Y, Metres\r\n"])
def test_points(file, header):
    points = read_known_points(file(f"{header}0,0,1.5\n\n 63.5 , 31 , 2e1\n"), 32, 64)
    np.testing.assert_array_equal(points, [[0.0, 0.0, 1.5], [63.5, 31.0, 20.0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,metres\n", "expected lines x,y,metres, got none"),
        ("1,2\n", "three numbers x,y,metres in line 1 .* got '1,2'"),
        ("1,2,3,4\n", "three numbers"),
        ("1,2,3\n1,2,nan\n", "in line 2 .* got '1,2,nan'"),
        ("1,2,far\n", "got '1,2,far'"),
        ("64,2,3\n", "within the image of 64x32, got 64,2 in line 1"),
        ("1,-1,3\n", "within the image of 64x32, got 1,-1"),
        ("1,2,0\n", "above 0 m, got 0 in line 1"),
    ],
)
def test_points_that_are_none(file, text, message):
    with pytest.raises(InputError, match=message):
        read_known_points(file(text), 32, 64)


def test_zones(file):
    rows = [["1.5"] * 8 for _ in range(8)]
    rows[0][1], rows[7][7] = "", "0"
    zones = read_tof_zones(file("\n".join(",".join(row) for row in rows) + "\n"))
    assert np.isnan(zones[0, 1])
    assert np.isnan(zones[7, 7])
    assert (zones == 1.5).sum() == 62


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,1,1,1,1,1,1\n" * 7, "8 rows of 8 distances, got 7 rows of 8"),
        ("1,1,1\n" + "1,1,1,1,1,1,1,1\n" * 7, "got 8 rows of 3 or 8"),
        ("\n", "got 0 rows of no"),
        ("1,1,1,1,1,1,1,-1\n" * 8, "in metres, empty or 0 without a return"),
        ("1,1,1,1,1,1,1,inf\n" * 8, "in metres"),
        ("1,1,1,1,1,1,1,nan\n" * 8, "in metres"),
        ("1,1,1,1,1,1,1,x\n" * 8, "in metres"),
    ],
)
def test_zones_that_are_none(file, text, message):
    with pytest.raises(InputError, match=message):
        read_tof_zones(file(text))


def test_missing_files(tmp_path):
    with pytest.raises(InputError, match=r"a CSV file of points at .* no such file"):
        read_known_points(tmp_path / "no.csv", 32, 64)
    with pytest.raises(InputError, match=r"a CSV file of 8x8 zones at .* no such file"):
        read_tof_zones(tmp_path / "no.csv")
