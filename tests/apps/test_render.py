"""`leadline render`: shards to train on, scenes to evaluate on."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from leadline.apps.cli.extras import needs_extra
from leadline.apps.cli.main import main
from leadline.apps.cli.sizes import parse_size
from leadline.data.flow.shards import FlowShards
from leadline.data.mono.shards import DepthShards
from leadline.data.stereo.shards import StereoShards
from leadline.data.synthetic.stereo import render_stereo
from leadline.errors import InputError, MissingExtraError
from leadline.io.calib import read_calibration
from leadline.io.images import read_image
from leadline.protocols.stereo.scenes import load_scenes

SMALL = ["render", "stereo", "--size", "64x32", "--workers", "0"]


def test_shards_hold_the_pairs_of_the_seeds(tmp_path):
    assert main([*SMALL, "--count", "2", "--seed", "5", "--output", str(tmp_path)]) == 0
    shards = StereoShards(tmp_path)
    assert [shards.notes(i)["seed"] for i in range(len(shards))] == [5, 6]
    assert read_image(tmp_path / "contact_sheet.png").pixels.shape[1] > 4 * 64
    # A longer run takes the place of the shard that is now too short.
    assert main([*SMALL, "--count", "3", "--seed", "5", "--output", str(tmp_path)]) == 0
    assert len(StereoShards(tmp_path)) == 3


def test_scenes_are_what_eval_reads(tmp_path):
    words = [*SMALL, "--count", "2", "--seed", "5", "--format", "scenes", "--output", str(tmp_path)]
    assert main(words) == 0
    first, second = load_scenes(tmp_path)
    assert (first.key, second.key) == ("00000005", "00000006")
    sample, rig = render_stereo(5, (32, 64))
    np.testing.assert_array_equal(first.left, sample.left)
    np.testing.assert_array_equal(first.right, sample.right)
    np.testing.assert_array_equal(first.truth.valid, sample.valid)
    np.testing.assert_array_equal(first.truth.disparity[sample.valid], sample.disparity[sample.valid])
    np.testing.assert_array_equal(~first.occluded, sample.valid & ~sample.occluded)
    calibration = read_calibration(tmp_path / "00000005" / "calib.txt")
    assert calibration.baseline_m == pytest.approx(rig.baseline_m)
    assert calibration.left.focal_x_px == pytest.approx(rig.focal_px)
    assert calibration.doffs_px == 0.0
    written = (tmp_path / "00000005" / "im0.png").stat().st_mtime_ns
    assert main(words) == 0
    assert (tmp_path / "00000005" / "im0.png").stat().st_mtime_ns == written
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "--count of at least 1"),
        (["--seed", "-1"], "--seed"),
        (["--workers", "-1"], "--workers"),
        (["--workers", "1000000"], "--workers of at most 256"),
        (["--count", "1000000000000"], "--count of at most 100000000"),
        (["--size", "99999x99999"], "at most 134217728 pixels"),
        (["--size", "64"], "WIDTHxHEIGHT"),
        (["--size", "64x16"], "at least 32 px"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, capsys, words, message):
    asked = {"--count": "1", "--seed": "1", "--output": str(tmp_path / "out"), **dict([words])}
    assert main(["render", "stereo", *(word for pair in asked.items() for word in pair)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert main([*SMALL, "--count", "1", "--seed", "1", "--output", str(tmp_path / "out")]) == 2
    assert "file in its place" in capsys.readouterr().err


def test_without_embree_the_extra_is_named(tmp_path, monkeypatch, capsys):
    for name in ("embreex", "embreex.mesh_construction", "embreex.rtcore_scene"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("generate", "stereo", "render"):
        monkeypatch.delitem(sys.modules, f"leadline.data.synthetic.{name}", raising=False)
    assert main([*SMALL, "--count", "1", "--seed", "1", "--output", str(tmp_path)]) == 2
    assert "leadline[train]" in capsys.readouterr().err


def test_only_what_is_not_ours_is_an_extra():
    with pytest.raises(MissingExtraError, match=r"package torch.nn.*leadline\[train\]"), needs_extra("train"):
        raise ModuleNotFoundError("none", name="torch.nn")
    with pytest.raises(ModuleNotFoundError, match="ours"), needs_extra("train"):
        raise ModuleNotFoundError("ours", name="leadline.gone")


@pytest.mark.parametrize("word", ["640", "64x", "axb", "0x4", "4x4x4", "-4x4"])
def test_what_is_no_size_is_refused(word):
    with pytest.raises(InputError, match="640x480"):
        parse_size(word)


MONO = ["render", "mono", "--size", "48x32", "--workers", "0"]


def test_mono_shards_hold_the_images_of_the_seeds(tmp_path, capsys):
    assert main([*MONO, "--count", "2", "--seed", "5", "--output", str(tmp_path)]) == 0
    assert "2 images in 1 shards" in capsys.readouterr().out
    shards = DepthShards(tmp_path)
    assert [shards.notes(i)["seed"] for i in range(len(shards))] == [5, 6]
    assert shards[0].image.shape == (32, 48, 3)
    assert read_image(tmp_path / "contact_sheet.png").pixels.shape[1] > 4 * 48


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--count", "0"], "--count of at least 1"),
        (["--seed", "-1"], "--seed"),
        (["--workers", "-1"], "--workers"),
        (["--workers", "1000000"], "--workers of at most 256"),
        (["--count", "1000000000000"], "--count of at most 100000000"),
        (["--size", "99999x99999"], "at most 134217728 pixels"),
        (["--size", "288"], "WIDTHxHEIGHT"),
        (["--size", "48x16"], "at least 32 px"),
    ],
)
def test_mono_mistakes_are_told_in_one_line(tmp_path, capsys, words, message):
    asked = {"--count": "1", "--seed": "1", "--output": str(tmp_path / "out"), **dict([words])}
    assert main(["render", "mono", *(word for pair in asked.items() for word in pair)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_frames_of_moving_worlds(tmp_path):
    words = ["render", "flow", "--size", "64x48", "--workers", "0", "--count", "2", "--seed", "7"]
    assert main([*words, "--output", str(tmp_path)]) == 0
    shards = FlowShards(tmp_path)
    assert [shards.notes(index)["seed"] for index in range(len(shards))] == [7, 8]
    assert read_image(tmp_path / "contact_sheet.png").pixels.shape[1] > 4 * 64


@pytest.mark.slow
@pytest.mark.parametrize("format", ["scenes", "shards"])
def test_workers_on_a_full_disk_end_with_one_line(tmp_path, format):
    """Files may grow to 3 kB, which stands for a disk that is full: no process waits, and nothing unfinished stays."""
    words = ["--count", "6", "--seed", "1", "--size", "96x64", "--workers", "2", "--format", format]
    done = subprocess.run(
        [sys.executable, "-m", "leadline", "render", "stereo", *words, "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=240,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "file too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def processes_of(leader):
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to list processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_workers_end_with_a_killed_rendering(tmp_path, number):
    """Each shard would keep a worker busy for minutes."""
    words = ["--count", "100000", "--seed", "1", "--size", "96x64", "--workers", "2", "--output", str(tmp_path / "out")]
    run = subprocess.Popen(
        [sys.executable, "-m", "leadline", "render", "stereo", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120.0
        while len(list((tmp_path / "out").glob(".*.part"))) < 2:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run.send_signal(number)
        deadline = time.monotonic() + 20.0
        while processes_of(run.pid):
            assert time.monotonic() < deadline, "processes outlive the rendering"
            time.sleep(0.1)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert run.returncode == -number
