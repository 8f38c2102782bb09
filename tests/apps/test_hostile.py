"""Numbers that are none, full disks, endless names and names that are no text, on the command line."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.apps.cli.main import _COMMANDS, main

_RIG = ("--focal-px", "80", "--baseline-m", "0.1")


def _number_options() -> list[tuple[list[str], str]]:
    """Every option of every command that takes a real number, after the words that the command needs before it."""
    found = list[tuple[list[str], str]]()
    for command, (place, _) in _COMMANDS.items():
        module, _, function = place.partition(":")
        take = getattr(import_module(f"leadline.apps.cli.{module}"), function)
        entries, words = inspect.signature(take).parameters.values(), list(command)
        for entry in entries:
            if entry.default is entry.empty:
                words += ["1"] if entry.kind is not entry.KEYWORD_ONLY else [f"--{entry.name.replace('_', '-')}=1"]
        for entry in entries:
            if entry.kind is entry.KEYWORD_ONLY and entry.annotation in (float, float | None):
                option = f"--{entry.name.replace('_', '-')}"
                found.append(([word for word in words if not word.startswith(f"{option}=")], option))
    return found


@pytest.mark.parametrize("number", ["nan", "-nan", "inf", "NaN", "-inf", "1e999"])
def test_an_option_that_is_no_number_is_refused(capsys, number) -> None:
    options = _number_options()
    assert len(options) > 10
    for words, option in options:
        assert main([*words, f"{option}={number}"]) == 2
        told = capsys.readouterr().err
        assert f"for {option}. expected a finite number, got " in told, told
        assert told.count("\n") == 1


def _pair(folder: Path, name: str | bytes) -> None:
    texture = np.random.default_rng(0).integers(0, 256, (40, 71, 3), dtype=np.uint8)
    for side, view in (("left", texture[:, :64]), ("right", texture[:, 7:])):
        (folder / side).mkdir(exist_ok=True)
        content = cv2.imencode(".png", view)[1].tobytes()
        with open(os.path.join(os.fsencode(folder / side), os.fsencode(name)), "wb") as file:
            file.write(content)


def _command(folder: Path, *words: str | bytes, output: Path | None = None) -> tuple[int, bytes, bytes]:
    with (output or folder / "told").open("wb") as stream:
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        arguments = [sys.executable, "-m", "leadline", *words]
        done = subprocess.run(
            arguments, cwd=folder, stdout=stream, stderr=subprocess.PIPE, env=environment, check=False
        )
    return done.returncode, b"" if output else (folder / "told").read_bytes(), done.stderr


def test_a_name_that_is_no_text_does_not_stop_a_batch(tmp_path) -> None:
    _pair(tmp_path, "a.png")
    try:
        _pair(tmp_path, b"b\xff.png")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    _pair(tmp_path, "c.png")
    code, told, errors = _command(tmp_path, "stereo", "left", "right", "--model", "sgbm", "--output", "out")
    assert code == 0, errors
    assert b"3 of 3 pairs done" in errors
    assert told.count(b"\n") == 3
    assert len(list((tmp_path / "out").glob("*/summary.json"))) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_under_the_output_is_told_in_one_line(tmp_path) -> None:
    code, _, errors = _command(tmp_path, "models", output=Path("/dev/full"))
    assert code == 2
    assert errors.count(b"\n") == 1
    assert b"no space left on device; free space" in errors


@pytest.mark.parametrize("command", ["flow", "video", "track-camera"])
def test_a_name_that_is_no_text_is_a_frame_among_others(tmp_path, command) -> None:
    for name in ("a.png", "c.png"):
        _pair(tmp_path, name)
    try:
        _pair(tmp_path, b"b\xff.png")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    words = {"flow": ["--model", "dis"], "video": [], "track-camera": []}[command]
    code, _, errors = _command(tmp_path, command, "left", *words, "--output", "out")
    assert code == 0, errors
    assert list((tmp_path / "out").rglob("summary.json"))


@pytest.mark.parametrize(
    "command",
    [
        "stereo",
        "rectify",
        "check",
        "mono",
        "demo",
        "calibrate",
        "flow",
        "scene-flow",
        "video",
        "track-camera",
        "refine",
    ],
)
def test_a_name_of_three_hundred_letters_is_told_in_one_line(tmp_path, monkeypatch, capsys, command) -> None:
    _pair(tmp_path, "a.png")
    monkeypatch.chdir(tmp_path)
    name = "n" * 300
    _pair(tmp_path, "b.png")
    words = {
        "stereo": ["left/a.png", "right/a.png", "--model", "sgbm", "--output", name],
        "rectify": ["left/a.png", "right/a.png", "--output", name],
        "check": [f"{name}.png", "right/a.png"],
        "flow": ["left/a.png", "right/a.png", "--model", "dis", "--output", name],
        "scene-flow": [
            *["left/a.png", "right/a.png"] * 2,
            "--model",
            "sgbm",
            "--flow-model",
            "dis",
            *_RIG,
            "--output",
            name,
        ],
        "video": ["left", "--output", name],
        "track-camera": ["left", "right", "--model", "sgbm", *_RIG, "--output", name],
        "refine": ["left/a.png", "right/a.png", name, "--output", name],
        "mono": ["left/a.png", "--output", name],
        "demo": ["--output", name, "--model", "sgbm"],
        "calibrate": ["left", "right", "--rows", "6", "--columns", "9", "--square-mm", "25", "--output", name],
    }[command]
    assert main([command, *words]) == 2
    told = capsys.readouterr().err
    assert told.splitlines()[-1].startswith("leadline: error: expected ")
    assert "Traceback" not in told
