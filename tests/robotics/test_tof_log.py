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


def _record(i, **more):
    return json.dumps({"t_ms": 66 * i, "distance_mm": MM.tolist(), "target_status": STATUS.tolist(), **more})


def test_millimetres_and_metres_in_one_log_are_refused(log):
    metres = ",".join(f"{mm / 1000:.3f}" for mm in MM)
    lines = [f"{t / 10},{metres if t % 3 == 0 else ','.join(map(str, MM))}" for t in range(9)]
    with pytest.raises(InputError, match=r"in one unit, got 3 frames that look like metres among 9 .* split the log"):
        log(lines)
    near = [f"{t / 10},{','.join(['3'] * 64 if t == 4 else map(str, MM))}" for t in range(9)]
    assert float(log(near).frames[4].distances_m[0, 0]) == pytest.approx(0.003)  # a finger on the sensor


def test_valid_zones_without_a_distance_are_told_of(log):
    found = log([_record(t, distance_mm=[1_500_000] * 64, target_status=[5] * 64) for t in range(3)])
    assert "192 of 192 zones with a valid status have no distance above 0 and up to 10 m" in "; ".join(found.notes)
    assert found.frames[0].blind


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"range_sigma_mm": [-1] * 64}, "line 2: a number below 0 as range_sigma_mm"),
        ({"nb_target_detected": [-1] * 64}, "line 2: a number below 0 as nb_target_detected"),
        ({"nb_target_detected": [300] * 64}, "line 2: more than 255 targets"),
        ({"t_ms": float("nan")}, "line 2: a time that is no finite number"),
        ({"target_status": [5.5] * 64}, "line 2: a status that is no number from 0 to 255"),
    ],
)
def test_frames_with_impossible_layers_are_left_out(log, more, match):
    found = log([_record(0), _record(1, **more), _record(2)])
    assert len(found.frames) == 2
    assert match in "; ".join(found.notes)


def test_a_layer_without_numbers_counts_as_not_reported(log):
    found = log([_record(0, range_sigma_mm=[None] * 64), _record(1, range_sigma_mm=[4.0] * 64)])
    assert found.frames[0].sigma_m is None
    assert float(found.frames[1].sigma_m[0, 0]) == pytest.approx(0.004)


def test_a_torn_line_with_16_numbers_is_no_4x4_frame(log):
    lines = [f"{t / 10},{','.join(map(str, MM))}" for t in range(12)]
    lines[5] = ",".join(map(str, MM[-16:]))
    found = log(lines)
    assert (len(found.frames), found.frames[0].size) == (11, 8)
    assert "line 6: 16 zones among frames of 64" in "; ".join(found.notes)


def test_times_that_some_frames_lack_are_told_of(log):
    found = log([_record(0), _record(1), json.dumps({"distance_mm": MM.tolist()})])
    assert not found.timed
    assert "warning: " in found.notes[0]
    assert "1 of 3 frames have no time: 15 frames per second are assumed" in found.notes[0]


def test_a_time_that_a_clock_has_twice_is_refused(log):
    frames = ",".join(map(str, MM))
    found = log([f"{t / 10},{frames}" for t in (*range(10), *range(3))])
    assert found.at(0.7) == 7
    with pytest.raises(
        InputError, match=r"0\.1 s, which it has at frames 1 and 10, as its clock goes back; split the log"
    ):
        found.at(0.1)
    assert list(found.near(11, 0.25)) == [10, 11, 12]
    assert list(found.near(-2, 0.25)) == [10, 11, 12]


def _table(legend, lines):
    """A table of cells as ST's programs print it: a rule above each row, and so many lines a row."""
    rows = ["Cell Format :", "", *legend, ""]
    for row in range(8):
        rows.append(" -----------------" * 8)
        rows.append("|                 " * 8 + "|")
        for left, right in lines:
            cells = [f"| \x1b[38;5;10m{left[i]:5}\x1b[0m  :  {right[i]:5} " for i in range(8 * row, 8 * row + 8)]
            rows.append("".join(cells) + "|")
    return [*rows, " -----------------" * 8]


DISTANCE, SIGNAL = " \x1b[38;5;10m Distance [mm]\x1b[0m :  Status", " Signal [kcps/spad] : Ambient [kcps/spad]"


def test_signal_and_ambient_of_a_table_are_no_distances(log):
    table = _table([DISTANCE, SIGNAL], [(MM, STATUS), (np.full(64, 77), np.full(64, 3))])
    found = log(2 * table)
    assert len(found.frames) == 2
    assert float(found.frames[1].distances_m[7, 0]) == pytest.approx(1.057)
    without_legend = [line for line in table if "kcps" not in line and "Distance" not in line]
    with pytest.raises(InputError, match="a second line of a row of cells, expected the legend"):
        log(without_legend)


def _two_targets():
    """Forms of a log with two targets a zone; the second is 1 m behind, in zones whose number is even."""
    second = np.where(np.arange(64) % 2 == 0, MM + 1000, 0)
    states = np.where(np.arange(64) % 2 == 0, 5, 255)
    both, all_states = np.stack([MM, second], 1), np.stack([STATUS, states], 1)
    uld = [
        f"Zone {i:3d} : {1 + (i + 1) % 2:2d}, {4:6d}, {1024:6d}, "
        + "".join(f"Target[{j}] : {all_states[i, j]:2d}, {both[i, j]:4d}, {900:6d}, {7:3d}, " for j in range(2))
        for i in range(64)
    ]
    rows = ["zone,distance_mm,status,distance2_mm,status2"]
    rows += [f"{i},{MM[i]},{STATUS[i]},{second[i]},{states[i]}" for i in range(64)]
    return {
        "json": [json.dumps({"distance_mm": both.ravel().tolist(), "target_status": all_states.ravel().tolist()})],
        "nested": [json.dumps({"distance_mm": both.tolist(), "target_status": all_states.tolist()})],
        "second": [json.dumps({"mm": MM.tolist(), "status": STATUS.tolist(), "second_mm": second.tolist()})],
        "uld": ["Print data no :   1", *uld, ""],
        "table": _table([DISTANCE, DISTANCE], [(MM, STATUS), (second, states)]),
        "signal": _table(
            [DISTANCE, SIGNAL] * 2,
            [(MM, STATUS), (np.full(64, 77), STATUS), (second, states), (np.full(64, 77), STATUS)],
        ),
        "zones": rows,
    }


@pytest.mark.parametrize("form", sorted(_two_targets()))
def test_second_targets_are_read(log, form):
    frame = log(_two_targets()[form], name="log.jsonl").frames[0]
    assert frame.size == 8
    np.testing.assert_allclose(frame.distances_m[frame.valid], MM[STATUS == 5] / 1000, atol=1e-6)
    there = (np.arange(64) % 2 == 0) & (STATUS == 5)
    assert frame.second_m is not None
    np.testing.assert_array_equal(np.isfinite(frame.second_m.ravel()), there)
    np.testing.assert_allclose(frame.second_m.ravel()[there], MM[there] / 1000 + 1.0, atol=1e-6)
    turned = frame.turned(1)
    assert float(turned.second_m[0, 7]) == pytest.approx(2.001)


def test_second_targets_of_an_archive_are_read(tmp_path):
    mm = np.stack([np.full((2, 8, 8), 900), np.full((2, 8, 8), 2500)], axis=-1)
    status = np.full(mm.shape, 5)
    np.savez(tmp_path / "log.npz", t_ms=[0, 66], mm=mm, targets=np.full((2, 8, 8), 2), status=status)
    frame = read_tof_log(tmp_path / "log.npz").frames[1]
    assert (float(frame.distances_m[3, 3]), float(frame.second_m[3, 3])) == pytest.approx((0.9, 2.5))
    status[0] = 300
    np.savez(tmp_path / "log.npz", t_ms=[0, 66], mm=mm, targets=np.full((2, 8, 8), 2), status=status)
    found = read_tof_log(tmp_path / "log.npz")
    assert len(found.frames) == 1
    assert "line 0: a status that is no number" in found.notes[0]
    status[:] = 300
    np.savez(tmp_path / "log.npz", t_ms=[0, 66], mm=mm, targets=np.full((2, 8, 8), 2), status=status)
    with pytest.raises(InputError, match=r"got none in .* \(frame 0: a status"):
        read_tof_log(tmp_path / "log.npz")


def test_a_torn_line_of_targets_is_named(log):
    lines = _two_targets()["uld"]
    lines[5] = "Zone   4 :  2,      4,   1024, Target[0] : 5,"
    with pytest.raises(InputError, match="is a torn line of a zone"):
        log(lines)
