"""Logs of time-of-flight boards: every form gives the same frames, and damage is named."""

import json

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.robotics.tof_lines import TofLines
from leadline.robotics.tof_log import clock_faults, read_tof_log

MM = np.arange(1001, 1065)  # zone i is 1.001 + i / 1000 m away
STATUS = np.where(np.arange(64) % 16 == 15, 255, 5)


@pytest.fixture
def log(tmp_path):
    def read(text, unit=None, name="log.csv"):
        (tmp_path / name).write_text(text if isinstance(text, str) else "\n".join(text) + "\n")
        return read_tof_log(tmp_path / name, unit)

    return read


def _zone_rows(frame=0):
    return [f"{frame},{i},{MM[i]},{STATUS[i]},12,{i % 7},{20.0 * (i + 1)}" for i in range(64)]


def _forms():
    mm, status = MM.tolist(), STATUS.tolist()
    grid = ["\t".join(map(str, row)) for row in MM.reshape(8, 8)]
    flat = ",".join(map(str, mm))
    both = ",".join(map(str, mm + status))
    names = ",".join([f"d{i}_mm" for i in range(64)] + [f"s{i}" for i in range(64)])
    st = [f"Zone : {i:3d}, Status : {status[i]:3d}, Distance : {mm[i]:4d} mm" for i in range(64)]
    table = []
    for row in range(8):
        table += [
            "-" * 80,
            "".join(f"|  \x1b[38;5;10m{mm[i]:5d}\x1b[0m  :  {status[i]:5d}  " for i in range(8 * row, 8 * row + 8))
            + "|",
        ]
    record = {"distance_mm": mm, "target_status": status, "timestamp_us": 2_000_000}
    return {
        "grid": ["SparkFun VL53L5CX Imager Example", *[f"{row}\t" for row in grid], "", *grid],
        "flat": [flat, flat],
        "timed": [f"2.0,{flat}", f"2.1,{flat}"],
        "status": [f"2000,{both}", f"2066,{both}"],
        "heading": [f"t_ms,{names}", f"2000,{both}", f"2066,{both}"],
        "zones": ["frame,zone,distance_mm,status,sigma_mm,targets,reflectance", *_zone_rows(0), *_zone_rows(1)],
        "st": ["Print data no :   0", *st, "Print data no :   1", *st],
        "table": ["53L5A1 Multi-Zone demo", *table, "", *table],
        "points": ["x;y;z;c;class", *[f"0;0;{z}.0;0.0;1.0" for z in mm], *[f"0;0;{z}.0;1.0;1.0" for z in mm]],
        "json lines": [json.dumps(record)] * 2,
        "records": [
            json.dumps({"schema": "depz.dataset/2", "devices": {}}),
            *[json.dumps({"d": "d0", "t": t, "k": "vl53l8", "v": {"resolution": 64, **record}}) for t in (0, 66000)],
            json.dumps({"d": "d0", "t": 70000, "k": "temperature", "v": {"mcu": 30.0}}),
        ],
        "json array": json.dumps([{"distances": MM.reshape(8, 8).tolist(), "time_s": t} for t in (1.0, 1.1)]),
    }


@pytest.mark.parametrize("form", list(_forms()))
def test_every_form_gives_the_same_distances(log, form):
    found = log(_forms()[form])
    assert len(found.frames) == 2
    frame = found.frames[1]
    assert frame.distances_m.ravel() == pytest.approx(MM / 1000.0)
    told = form in ("status", "heading", "zones", "st", "table", "json lines", "records")
    assert frame.valid.ravel().tolist() == ([state == 5 for state in STATUS] if told else [True] * 64)
    assert not any("left out" in note for note in found.notes)


@pytest.mark.parametrize(
    ("form", "rate"),
    [("timed", 10.0), ("status", 1000 / 66), ("heading", 1000 / 66), ("records", 1e6 / 66000), ("flat", 15.0)],
)
def test_times_come_from_the_file(log, form, rate):
    assert log(_forms()[form]).rate_hz == pytest.approx(rate)


def test_all_layers_of_a_zone_a_line(log):
    frame = log(_forms()["zones"]).frames[0]
    assert frame.sigma_m[0, 0] == pytest.approx(0.012)
    assert frame.reflectance[0, 1] == pytest.approx(0.4)  # per cent
    assert frame.targets[0, 6] == 6


def test_an_archive(tmp_path):
    cube = np.broadcast_to(MM.reshape(8, 8), (3, 8, 8)).astype(np.uint16)
    states = np.broadcast_to(STATUS.reshape(8, 8), (3, 8, 8)).astype(np.uint8)
    np.savez(
        tmp_path / "a.npz", t_ms=np.array([0, 66, 132]), mm=cube, targets=np.ones((3, 8, 8), np.uint8), status=states
    )
    found = read_tof_log(tmp_path / "a.npz")
    assert found.rate_hz == pytest.approx(1000 / 66)
    assert int(found.frames[0].valid.sum()) == 60
    np.savez(tmp_path / "b.npz", t_ms=np.array([0]), mm=cube, targets=cube, status=states)
    with pytest.raises(InputError, match="t_ms of n and mm, targets and status"):
        read_tof_log(tmp_path / "b.npz")


def test_sixteen_zones_and_a_unit(log):
    found = log("\n".join([",".join(["150"] * 16)] * 3), "cm")
    assert found.frames[0].size == 4
    assert float(found.frames[0].distances_m[0, 0]) == pytest.approx(1.5)
    assert found.stated


def test_a_bare_grid_is_in_metres_and_its_unit_is_checked(log):
    rows = "\n".join(",".join(["1.5"] * 8) for _ in range(8))
    found = log(rows)
    assert found.grid
    assert float(found.frames[0].distances_m[0, 0]) == 1.5
    with pytest.raises(InputError, match="they look like mm"):
        log(rows.replace("1.5", "1500"))
    with pytest.raises(InputError, match="8 rows of 8 distances, got 7 rows of 8"):
        log(rows[: -len(rows) // 8])


def test_a_truncated_line_is_left_out_and_named(log):
    lines = _forms()["timed"]
    found = log([lines[0], lines[0][:100], "2.2," + lines[1][4:]])
    assert len(found.frames) == 2
    assert "left out 1 unusable line (line 2: 21 numbers, expected 4 or 8 of a row, or 16 or 64" in found.notes[0]


def test_a_frame_that_lacks_zones_is_left_out(log):
    whole = _forms()["zones"]
    found = log([*whole[:-3]])
    assert len(found.frames) == 1
    assert "a frame of 61 zones" in found.notes[0]


def test_a_clock_that_goes_backwards_stands_or_stops_is_named(log):
    flat = ",".join(map(str, MM))
    found = log([f"{t},{flat}" for t in (5.0, 5.1, 5.1, 0.2, 0.3, 0.4, 2.4)])
    notes = " ".join(found.notes)
    assert "goes backwards 1 time, first by 4.9 s at frame 3; was the board reset?" in notes
    assert "1 frames have the time of the frame before" in notes
    assert "1 gaps of more than three frames, the longest 2 s" in notes
    assert clock_faults("x", [0.0]) == []


def test_unknown_statuses_and_blindness_are_told(log):
    both = ",".join(map(str, MM.tolist() + [77] * 64))
    found = log([both, both])
    notes = " ".join(found.notes)
    assert "statuses that the manual does not know count as invalid: 77 (128 zones)" in notes
    assert "the sensor is blind" in notes
    assert found.frames[0].blind


def test_frames_around_a_time(log):
    found = log([f"{t / 10},{','.join(map(str, MM))}" for t in range(10)])
    assert len(found.around(0.5, 0.25)) == 3
    assert found.around(99.0, 0.1)[0].time_s == pytest.approx(0.9)
    turned = found.turned(1)
    assert turned.frames[0].distances_m[0, 0] == pytest.approx(1.057)
    assert found.turned(0) is found


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("hello\nworld\n", r"expected a log of 8x8 or 4x4 .* got none in .* \(no numbers\)"),
        ("1,2,3\n", "line 1: 3 numbers"),
        ("[{", "damaged JSON"),
        ("\n".join([",".join(["1500"] * 64)] + [",".join(["1500"] * 63)] * 3), "got 3 unusable lines and 1 frames"),
        (",".join(["1500"] * 64) + "\n" + ",".join(["1500"] * 16) + "\n", "1 of 64 zones and 1 of 16 zones"),
        ('{"distance_mm": [1, 2]}\n', "2 distances, expected 16 or 64"),
        ('{"distance_mm": 5}\n', "no list, expected 16 or 64"),
        ('{"distance_mm": [', "no whole JSON object"),
        (json.dumps({"mm": [1] * 16, "status": [300] * 16}), "a status that is no number from 0 to 255"),
        (json.dumps({"mm": [1] * 16, "status": [5] * 9}), "9 values of status, expected 16"),
        ("[5]", "no JSON object"),
        ("zone,brightness\n1,2\n", "a heading without distances"),
        ("zone,mm\nx,2\n", "no whole number as the zone"),
        ("zone,mm\n1,2,3\n", "3 columns, expected the 2"),
        ("zone,mm\n99,2\n", "zone 99, expected 0 to 63"),
        ("zone,mm,status\n1,2,1000\n", "a status that is no"),
        ("| 5 : 5 | 6 : 5 |\n", "2 cells, expected 4 or 8"),
        ("t," + ",".join(f"d{i}" for i in range(17)) + "\n" + ",".join(["1"] * 18), "17 distances and 0 statuses"),
        (",".join([f"{c}{i}" for c in "ds" for i in range(16)]) + "\n" + ",".join(["900"] * 32), "a status that"),
    ],
)  # fmt: skip
def test_what_is_no_log_is_refused(log, text, match):
    with pytest.raises(InputError, match=match):
        log(text)


def test_a_unit_that_contradicts_the_file_is_refused(log):
    with pytest.raises(InputError, match="distances in m as asked for, got mm"):
        log(_forms()["st"], "m")


def test_greetings_of_a_board_are_no_faults():
    lines = TofLines()
    for text in ("Initializing sensor board. This can take up to 10s.", "", "# comment", "\x00\x00"):
        assert lines.feed(text) == []
    assert lines.faults == []
