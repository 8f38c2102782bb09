"""`leadline fly`: commands from logs, whole and broken."""

import csv
import os
import threading
import time

import numpy as np
import pytest


def write_log(path, rows):
    lines = [
        f"{time:.3f}," + ",".join(f"{round(1000 * d)}" for d in np.broadcast_to(metres, 64)) for time, metres in rows
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_for_each_frame_and_a_table(leadline, tmp_path):
    log = write_log(tmp_path / "log.csv", [(0.1 * i, 3.5) for i in range(12)])
    done = leadline("fly", log, "--csv", tmp_path / "commands.csv")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) == 1 + 12 + 1
    assert lines[-1].endswith("12 frames; 1 stops, 0 of them blind")
    rows = list(csv.DictReader((tmp_path / "commands.csv").read_text().splitlines()))
    assert float(rows[-1]["ahead_m_s"]) == pytest.approx(1.0)
    assert float(rows[5]["time_s"]) == pytest.approx(0.5)


def test_a_clock_that_goes_back_and_blind_frames_are_named(leadline, tmp_path):
    frames = [(1.0, 3.0), (1.1, 3.0), (0.4, 3.0), (0.5, 0.0), (0.6, 3.0)]
    done = leadline("fly", write_log(tmp_path / "log.csv", frames))
    assert done.code == 0
    assert "the clock goes backwards 1 time" in done.err
    assert "the clock went back by 0.70 s: stops" in done.out.splitlines()[3]
    assert "blind: no zone has a distance: stops" in done.out.splitlines()[4]


def test_a_log_that_is_cut_in_the_middle_of_a_line_is_flown_up_to_there(leadline, tmp_path):
    log = write_log(tmp_path / "log.csv", [(0.1 * i, 3.0) for i in range(5)])
    log.write_text(log.read_text()[:-200])
    done = leadline("fly", log)
    assert done.code == 0
    assert "4 frames" in done.out.splitlines()[-1]
    assert done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--goal", "200"), "a goal from -180 to 180 degrees, got 200"),
        (("--speed", "0"), "a speed_m_s above 0"),
        (("--field", "500"), "from 1 to 170 degrees"),
    ],
)
def test_wrong_options_are_one_line(leadline, tmp_path, words, said):
    done = leadline("fly", write_log(tmp_path / "log.csv", [(0.0, 3.0)]), *words)
    assert (done.code, said in done.one_line) == (2, True)


def test_a_serial_port_that_dies_in_the_middle_stops_the_robot(leadline):
    pty = pytest.importorskip("pty", reason="no simulated serial ports on this system")
    pytest.importorskip("serial", reason="pyserial is not installed: leadline[tof]")
    ours, theirs = pty.openpty()
    try:
        line = ",".join(["3000"] * 64)

        def write():
            for _ in range(12):
                time.sleep(0.1)
                os.write(ours, f"{line}\r\n".encode())

        writer = threading.Thread(target=write)
        writer.start()
        done = leadline("fly", f"serial:{os.ttyname(theirs)}")
        writer.join()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.code == 2
    assert "Traceback" not in done.err
    rows = done.out.splitlines()[1:]
    assert len(rows) >= 3
    assert rows[-1].endswith("the sensor is lost: stops")
    assert rows[-1].split()[1:4] == ["0.00", "0.00", "0.0"]


def test_a_recording_has_no_seconds(leadline, tmp_path):
    done = leadline("fly", write_log(tmp_path / "log.csv", [(0.0, 3.0)]), "--seconds", "3")
    assert (done.code, "no seconds for a recording" in done.one_line) == (2, True)


def test_a_missing_log_is_one_line(leadline, tmp_path):
    done = leadline("fly", tmp_path / "absent.csv")
    assert (done.code, "absent.csv" in done.one_line) == (2, True)
