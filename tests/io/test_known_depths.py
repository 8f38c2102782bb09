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
    found = read_known_points(file(f"{header}0,0,1.5\n\n 63.5 , 31 , 2e1\n"), 32, 64)
    np.testing.assert_array_equal(found.points, [[0.0, 0.0, 1.5], [63.5, 31.0, 20.0]])
    assert (found.unit, found.stated) == ("m", bool(header))


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("x;y;meters\n1;2;1,25\n3;4;2,5\n", None),  # a spreadsheet with a decimal comma
        ("1\t2\t1.25\n3\t4\t2.5\n", None),
        ("1 2 1.25\n3 4 2.5\n", None),
        ("u,v,depth_mm\n1,2,1250\n3,4,2500\n", None),
        ("x,y,cm\n1,2,125\n3,4,250\n", "cm"),
        ("1,2,1250\n3,4,2500\n", "mm"),
    ],
)
def test_points_as_people_write_them(file, text, unit):
    found = read_known_points(file(text), 32, 64, unit)
    np.testing.assert_allclose(found.points, [[1.0, 2.0, 1.25], [3.0, 4.0, 2.5]])


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("1,2,1250\n3,4,2500\n", None, "of 1875 in the median; if they are millimetres .1.875 m."),
        ("1,2,150\n3,4,250\n", None, "millimetres"),
        ("x,y,mm\n1,2,1250\n", "m", "the heading mm"),
        ("y,x,metres\n1,2,1\n", None, "exchange the first two"),
        ("x,y,feet\n1,2,1\n", None, "or m, cm, mm"),
        ("2,40,1\n", None, "are they exchanged"),
    ],
)
def test_a_unit_or_an_order_that_cannot_be(file, text, unit, message):
    with pytest.raises(InputError, match=message):
        read_known_points(file(text), 32, 64, unit)


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
def test_zones_in_any_unit(file, unit, factor):
    zones = np.linspace(0.4, 4.0, 64).reshape(8, 8)
    path = file("\n".join(",".join(f"{factor * zone:.6f}" for zone in row) for row in zones))
    np.testing.assert_allclose(read_tof_zones(path, unit), zones, rtol=1e-5)
    if unit != "m":
        with pytest.raises(InputError, match=f"reaches about 4 m, got .* they look like {unit} .2.2 m."):
            read_tof_zones(path)


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


def test_places_as_shares_of_the_sides_are_refused(tmp_path):
    (tmp_path / "p.csv").write_text("x,y,m\n0.25,0.5,1.5\n0.75,0.1,2\n")
    with pytest.raises(InputError, match="multiply x by 640 and y by 480"):
        read_known_points(tmp_path / "p.csv", 480, 640)
    (tmp_path / "p.csv").write_text("x,y,m\n0,1,1.5\n1,0,2\n")
    assert len(read_known_points(tmp_path / "p.csv", 480, 640).points) == 2


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (",x,y,depth\n0,10,20,1.5\n1,30,40,2.5\n", "m"),
        (",x,y,depth_mm\n0,10,20,1500\n1,30,40,2500\n", "mm"),
        ('"x","y","metres"\r\n"10","20","1.5"\r\n"30","40","2.5"\r\n', "m"),
        ("# tape, room 3\n10,20,1.5\n30,40,2.5\n", "m"),
        ("x [px],y [px],distance [cm]\n10,20,150\n30,40,250\n", "cm"),
        ("u;v;depth (mm)\n10;20;1500,0\n30;40;2500,0\n", "mm"),
    ],
)
def test_points_as_tables_are_written(tmp_path, text, unit):
    (tmp_path / "p.csv").write_text(text)
    found = read_known_points(tmp_path / "p.csv", 480, 640)
    assert found.unit == unit
    assert found.points.tolist() == [[10.0, 20.0, 1.5], [30.0, 40.0, 2.5]]


def test_a_first_column_that_does_not_count_is_no_running_number(tmp_path):
    (tmp_path / "p.csv").write_text(",x,y,depth\n7,10,20,1.5\n9,30,40,2.5\n")
    with pytest.raises(InputError, match="expected three numbers"):
        read_known_points(tmp_path / "p.csv", 480, 640)


def test_zones_beyond_the_sensors_reach_are_no_return(tmp_path):
    rows = [["65535" if column == 0 else str(500 + 100 * row) for column in range(8)] for row in range(8)]
    (tmp_path / "z.csv").write_text("\n".join(",".join(row) for row in rows))
    found = read_tof_zones(tmp_path / "z.csv", "mm")
    assert np.isnan(found[:, 0]).all()
    assert found[3, 1:].tolist() == pytest.approx([0.8] * 7)
