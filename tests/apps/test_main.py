import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from leadline.apps.cli import main as command_line
from leadline.errors import InputError


def in_new_process(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_help_is_light():
    code = (
        "import sys; from leadline.apps.cli.main import main; assert main(['--help']) == 0; "
        "heavy = {'torch', 'cv2', 'numpy', 'onnxruntime', 'lightning'} & set(sys.modules); assert not heavy, heavy"
    )
    done = in_new_process(code)
    assert done.returncode == 0, done.stderr
    for name in ("stereo", "check", "rectify", "calibrate", "demo", "eval", "bench", "render", "train", "export"):
        assert name in done.stdout


def test_commands_explain_themselves_without_torch():
    code = (
        "import sys; from leadline.apps.cli.main import main\n"
        "for command in ('stereo', 'check', 'rectify', 'calibrate', 'demo'): assert main([command, '--help']) == 0\n"
        "assert not {'torch', 'lightning', 'skimage'} & set(sys.modules)"
    )
    done = in_new_process(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: leadline ") == 5


def test_help_of_a_command_has_its_whole_docstring(leadline):
    assert "a pair that fails does not stop the others" in " ".join(leadline("stereo", "--help").out.split())


def test_the_overview_groups_every_command_by_its_purpose(leadline):
    grouped = [command for commands in command_line._PURPOSES.values() for command in commands]
    assert sorted(grouped) == sorted({command[0] for command in command_line._COMMANDS})
    shown = leadline("--help").out
    places = [shown.index(heading) for heading in ("Depth", "stereo", "Motion", "scene-flow", "Options", "--version")]
    assert places == sorted(places)


def test_every_command_exists():
    for place, _ in command_line._COMMANDS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(__import__(f"leadline.apps.cli.{module}", fromlist=[function]), function))


def test_version(leadline):
    done = leadline("--version")
    assert done.code == 0
    assert done.out.strip()[0].isdigit()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["steroe"], "did you mean stereo?"),
        (["nonsense"], "leadline --help"),
        (["eval", "steroe"], "did you mean stereo?"),
        (["stereo"], "LEFT"),
        (["stereo", "a", "b", "--threads", "many"], "leadline stereo --help"),
        (["stereo", "a", "b", "--provider", "abacus"], "cuda"),
        (["stereo", "a", "b", "c"], "c"),
        (["check", "a", "b", "--colour"], "--colour"),
        (["rectify", "a", "b", "--alpha"], "--alpha"),
    ],
)
def test_mistyped_words_are_one_line(leadline, words, expected):
    done = leadline(*words)
    assert done.code == 2
    assert done.one_line.startswith("leadline: error: ")
    assert expected in done.one_line


def run_raising(monkeypatch, error):
    def app(*_args, **_options):
        raise error

    monkeypatch.setattr(command_line, "make_app", lambda _: app)
    return command_line.main([])


def opencv_without_memory():
    error = cv2.error("Insufficient memory (Failed to allocate 9 bytes)")
    error.code = -4
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("expected\n  this, got that"), 2, "leadline: error: expected this, got that"),
        (KeyboardInterrupt(), 130, "leadline: interrupted"),
        (MemoryError(), 2, "leadline: error: expected more free memory"),
        (opencv_without_memory(), 2, "leadline: error: expected more free memory"),
        (RuntimeError("BFCArena: Failed to allocate memory for 9 bytes"), 2, "leadline: error: expected more free mem"),
    ],
)
def test_expected_failures_are_one_line(monkeypatch, capsys, error, code, words):
    assert run_raising(monkeypatch, error) == code
    printed = capsys.readouterr()
    assert printed.err.startswith(words)
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_a_bug_keeps_its_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        run_raising(monkeypatch, ZeroDivisionError())


def test_reader_that_goes_away(pair):
    words = ["check", *map(str, pair), "--json"]
    code = f"import sys; from leadline.apps.cli.main import main; sys.exit(main({words!r}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait() == 141
        assert not process.stderr.read()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (b"P5\n160 120\n-1\n", "begins with 'Pf WIDTH HEIGHT SCALE'"),
        (b"Pf 100000 100000 -1\n", "expected 40000000000 bytes"),
        (b"Pf\n160 120\n-1\n" + bytes(100), "cut off"),
        (b"Pf\n160 120\n-1\n" + np.full(160 * 120, np.nan, "<f4").tobytes(), "no pixel with truth"),
        (b"Pf\n80 60\n-1\n" + bytes(4 * 80 * 60), "left image's (height, width)"),
    ],
)
def test_bad_truth_is_one_line_and_no_score(leadline, views, tmp_path, write_image, truth, expected):
    for i, view in enumerate(views):
        write_image(tmp_path / f"im{i}.png", view)
    (tmp_path / "disp0.pfm").write_bytes(truth)
    done = leadline("eval", "stereo", tmp_path, "--models", "bm")
    assert done.code == 2
    assert expected in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not done.out.strip()


def test_exit_codes_reach_the_shell(tmp_path):
    code = f"import sys; from leadline.apps.cli.main import main; sys.exit(main(['check', {str(tmp_path / 'no')!r}]))"
    done = in_new_process(code)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_completion_knows_commands_and_options(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    command = [sys.executable, "-m", "leadline", "--install-completion"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    script = (tmp_path / ".local/share/bash-completion/completions/leadline").read_text()
    assert "rectify" in script
    assert "--max-disparity" in script
