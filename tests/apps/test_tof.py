"""`leadline tof` and `leadline mono --scale-from tof:LOG`, from the command line."""

import json
import os
import threading
import time

import cv2
import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.io.images import read_image, write_image
from leadline.io.pfm import read_pfm
from leadline.robotics.tof_log import read_tof_log
from leadline.robotics.tof_mount import read_tof_mount

FLAT = ",".join(str(1000 + 10 * i) for i in range(64))


@pytest.fixture
def run(capsys):
    def call(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("".join(f"{t / 10:.1f},{FLAT}\n" for t in range(8)))
    return path


def test_show_prints_and_plots(run, log, tmp_path):
    code, out, err = run("tof", "show", log, "--frame", 2, "--output", tmp_path / "plot.png")
    assert code == 0
    assert "8 frames of 8x8 zones, 0.70 s, 10.0 frames per second" in out
    assert "valid zones: 100.0 %; blind frames: 0" in out
    assert "frame 2 at 0.200 s" in out
    assert " 1.000  1.010" in out
    assert "no unit is stated" in err
    assert read_image(tmp_path / "plot.png").pixels.std() > 10.0


def test_show_turns_zones(run, log):
    _, out, _ = run("tof", "show", log, "--unit", "mm", "--flip")
    assert out.splitlines()[-8].split()[0] == "1.070"
    _, out, _ = run("tof", "show", log, "--unit", "mm", "--rotate", 90)
    assert out.splitlines()[-8].split()[0] == "1.560"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frame", 99], "expected a frame from 0 to 7, got 99"),
        (["--frame", 1, "--time", 0.1], "expected a frame or a time, got both"),
        (["--record", "x.jsonl"], "expected a running sensor to record"),
        (["--mount", "none.json"], "no such file"),
    ],
)
def test_show_refuses(run, log, words, message):
    code, _, err = run("tof", "show", log, *words)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()[-1]) > 20


def test_a_mount_and_a_turn_contradict_one_another(run, log, tmp_path):
    (tmp_path / "mount.json").write_text('{"field_deg": 45}')
    code, _, err = run("tof", "show", log, "--mount", tmp_path / "mount.json")
    assert code == 2
    assert "no 'quarter_turns'" in err or "no 'sensor_from_camera'" in err
    code, _, err = run("tof", "show", log, "--mount", tmp_path / "mount.json", "--flip")
    assert code == 2
    assert "leave out --flip and --rotate" in err


def test_show_watches_and_records_a_board_until_it_dies(run, tmp_path):
    pty = pytest.importorskip("pty", reason="no simulated serial ports on this system")
    pytest.importorskip("serial", reason="pyserial is not installed: leadline[tof]")
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)

    def board():
        for _ in range(12):  # opening a port throws away what came before
            os.write(ours, f"{FLAT}\n".encode())
            time.sleep(0.2)
        os.close(ours)

    timer = threading.Thread(target=board)
    timer.start()
    code, out, err = run("tof", "show", f"serial:{name}", "--record", tmp_path / "r.jsonl")
    timer.join()
    os.close(theirs)
    assert code == 2
    assert "but it is gone" in err
    assert out.count(" 1.000  1.010") >= 1
    recorded = read_tof_log(tmp_path / "r.jsonl")
    assert float(recorded.frames[0].distances_m[0, 1]) == pytest.approx(1.01)


def _wall(folder, name, tilt, distance=0.9, other=None, roll=0.0):
    """An image of a chessboard on a tilted wall, and what a sensor at the camera's place would report of it.

    Or of another wall that stands still beside the board: its normal in the board's frame and its distance behind.
    """
    f, size = 600.0, (480, 640)
    turn = cv2.Rodrigues(np.radians([0.0, 0.0, roll]))[0] @ cv2.Rodrigues(np.radians([*tilt, 0.0]))[0]
    board = np.full((9 * 40, 11 * 40), 255, np.uint8)
    for i, j in np.ndindex(7, 9):
        board[40 + 40 * i : 80 + 40 * i, 40 + 40 * j : 80 + 40 * j] = 0 if (i + j) % 2 else 255
    per_m = 40 / 0.04
    corners = np.array([[0, 0], [board.shape[1], 0], [board.shape[1], board.shape[0]], [0, board.shape[0]]], np.float32)
    flat = np.concatenate([(corners - corners.mean(axis=0)) / per_m, np.zeros((4, 1))], axis=1)
    points = flat @ turn.T + [0.0, 0.0, distance]
    target = (f * points[:, :2] / points[:, 2:] + [319.5, 239.5]).astype(np.float32)
    image = cv2.warpPerspective(
        board, cv2.getPerspectiveTransform(corners - 0.5, target), size[::-1], flags=cv2.INTER_AREA, borderValue=255
    )
    write_image(folder / f"{name}.png", np.repeat(image[..., None], 3, axis=2))
    normal = turn @ ([0.0, 0.0, 1.0] if other is None else other[0])
    behind = 0.0 if other is None else other[1]
    edges = np.linspace(-1, 1, 9) * np.tan(np.radians(22.5))
    middle = (edges[1:] + edges[:-1]) / 2
    x, y = np.meshgrid(middle, middle)
    z = (distance * normal[2] + behind) / (normal[0] * x + normal[1] * y + normal[2])
    (folder / f"{name}.csv").write_text(",".join(f"{1000 * value:.1f}" for value in z.ravel()) + "\n")


def test_calibrate_finds_the_sensor_at_the_cameras_place(run, tmp_path):
    for i, tilt in enumerate([(0, 0), (25, 0), (-25, 0), (0, 25), (0, -25)]):
        _wall(tmp_path, f"pose{i}", tilt)
    words = ["--rows", 6, "--columns", 8, "--square-mm", 40, "--focal-px", 600, "--output", tmp_path / "mount.json"]
    code, out, err = run("tof", "calibrate", tmp_path, *words)
    assert code == 0, err
    pose = read_tof_mount(tmp_path / "mount.json").sensor_from_camera
    assert np.linalg.norm(pose[:3, 3]) < 0.008
    assert np.degrees(np.linalg.norm(cv2.Rodrigues(pose[:3, :3])[0])) < 0.3
    assert "320 zones within" in out
    assert json.loads((tmp_path / "mount.json").read_text())["evidence"]["poses"] == 5
    code, _, err = run("tof", "calibrate", tmp_path, *words)
    assert code == 2
    assert "overwrite" in err
    (tmp_path / "pose0.csv").unlink()
    code, _, err = run("tof", "calibrate", tmp_path, *words, "--overwrite")
    assert code == 2
    assert "expected one log for pose0.png, such as pose0.csv" in err
    code, _, err = run("tof", "calibrate", tmp_path, *words, "--overwrite", "--rotate", 45)
    assert "0, 90, 180 or 270" in err


def test_calibrate_by_motions_needs_no_board_on_the_wall(run, tmp_path):
    normal = cv2.Rodrigues(np.radians([8.0, -6.0, 0.0]))[0] @ [0.0, 0.0, 1.0]
    motions = np.random.default_rng(2).uniform([-32, -32, 0.8, -40], [32, 32, 1.1, 40], (20, 4))
    for i, (down, right, distance, roll) in enumerate(motions):
        _wall(tmp_path, f"pose{i:02d}", (down, right), distance, (normal, 0.6), roll)
    words = ["--rows", 6, "--columns", 8, "--square-mm", 40, "--focal-px", 600, "--output", tmp_path / "mount.json"]
    code, out, err = run("tof", "calibrate", tmp_path, *words, "--wall", "other")
    assert code == 0, err
    pose = read_tof_mount(tmp_path / "mount.json").sensor_from_camera
    assert np.linalg.norm(pose[:3, 3]) < 0.02
    assert np.degrees(np.linalg.norm(cv2.Rodrigues(pose[:3, :3])[0])) < 1.0
    assert "1280 zones within" in out
    assert "known within" in out
    code, _, err = run("tof", "calibrate", tmp_path, *words, "--overwrite")  # the sensor sees no board
    assert code == 2
    assert "expected zones that lie on the walls" in err


@pytest.fixture
def room(tmp_path):
    """An image with something to see, and zones that a wall at 1.5 to 2.5 m would give."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    image[70:] = image[70:] // 3
    write_image(tmp_path / "room.png", image)
    rows = "\n".join(f"{t / 15:.3f}," + ",".join(f"{2000 - 10 * (i // 8)}" for i in range(64)) for t in range(5))
    (tmp_path / "zones.csv").write_text(rows)
    return tmp_path


def test_mono_fuses_a_log(run, room):
    words = [
        "mono",
        room / "room.png",
        "--fov",
        60,
        "--scale-from",
        f"tof:{room / 'zones.csv'}",
        "--output",
        room / "out",
    ]
    code, out, err = run(*words)
    assert code == 0, err
    assert "with a probability of 80 %" in out
    depth, bound = read_pfm(room / "out" / "depth.pfm"), read_pfm(room / "out" / "depth_error.pfm")
    middle = np.s_[40:80, 50:110]
    assert np.median(depth[middle]) == pytest.approx(1.97, rel=0.08)
    assert (bound[np.isfinite(bound)] > 0).all()
    summary = json.loads((room / "out" / "summary.json").read_text())
    assert summary["scale_from"]["points"] == 64
    assert "square field of 45 degrees" in summary["scale_from"]["assumption"]
    assert "depth_error.pfm" in summary["units"]


def test_mono_needs_the_focal_length_and_the_moment_of_a_long_log(run, room):
    code, _, err = run("mono", room / "room.png", "--scale-from", f"tof:{room / 'zones.csv'}", "--output", room / "o")
    assert code == 2
    assert "known focal length" in err
    zones = ",".join(["2000"] * 64)
    (room / "long.csv").write_text("\n".join(f"{t / 2},{zones}" for t in range(10)))
    words = ["mono", room / "room.png", "--fov", 60, "--scale-from", f"tof:{room / 'long.csv'}", "--output", room / "o"]
    code, _, err = run(*words)
    assert code == 2
    assert "which lasts from 0 to 4.5 s, got none; give --tof-time in seconds" in err
    code, _, err = run(*words, "--tof-time", 99)
    assert code == 2
    assert "expected a time within" in err
    assert run(*words, "--tof-time", 2.0)[0] == 0


def test_mono_refuses_options_of_zones_without_zones(run, room):
    code, _, err = run("mono", room / "room.png", "--tof-flip", "--output", room / "o")
    assert code == 2
    assert "expected --scale-from tof:LOG" in err
    code, _, err = run("mono", room / "room.png", "--scale-from", "planes:1:2", "--tof-flip", "--output", room / "o")
    assert code == 2
    assert "expected tof:FILE for options of zones" in err


def test_mono_says_when_the_sensor_is_blind(run, room):
    (room / "blind.csv").write_text(",".join(["2000"] * 64 + ["255"] * 64) + "\n")
    words = [
        "mono",
        room / "room.png",
        "--fov",
        60,
        "--scale-from",
        f"tof:{room / 'blind.csv'}",
        "--output",
        room / "o",
    ]
    code, _, err = run(*words)
    assert code == 2
    assert "the sensor is blind" in err
