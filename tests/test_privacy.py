"""Nothing that leadline runs reports to anybody: no file in the user's home, no socket."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SESSIONS = """
import time
import numpy as np
import leadline

image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
leadline.mono(image, threads=1)
leadline.stereo(image, image, threads=1)
time.sleep({seconds})
"""
COMMAND = "import sys; from leadline.apps.cli.main import main; sys.exit(main(['models']))"
ZOO = """
import leadline
from huggingface_hub import constants

assert constants.HF_HUB_DISABLE_TELEMETRY
"""
NETWORK = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\(.*AF_INET")
UNSET = (
    "RAY_USAGE_STATS_ENABLED",
    "DEPTHAI_TELEMETRY",
    "DEPTHAI_CRASHDUMP",
    "ORT_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
    "XDG_CACHE_HOME",
)


def environment(home: Path) -> dict[str, str]:
    """This process's variables as a user has them, with another home."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(SESSIONS.format(seconds=3), id="sessions"),
        pytest.param(SESSIONS.format(seconds=30), id="half a minute after sessions", marks=pytest.mark.slow),
        pytest.param(COMMAND, id="command"),
    ],
)
def test_no_file_and_no_socket(code: str, tmp_path: Path):
    if shutil.which("strace") is None:
        pytest.skip("no strace: expected it on the PATH, to see every socket; apt-get install strace")
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    words = ["strace", "-f", "-e", "trace=network", "-o", str(trace), sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(words, env=environment(home), capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr and not trace.read_text().strip():
        pytest.skip(f"no strace: it may not trace here ({done.stderr.strip().splitlines()[0]})")
    assert done.returncode == 0, done.stderr
    assert [line for line in trace.read_text().splitlines() if NETWORK.search(line)] == []
    assert list(home.rglob("*")) == []


def test_no_file_without_strace_either(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-c", SESSIONS.format(seconds=1)], env=environment(tmp_path), capture_output=True, check=True
    )
    assert list(tmp_path.rglob("*")) == []


def test_the_hub_is_told_nothing(tmp_path: Path):
    pytest.importorskip("huggingface_hub", reason='no huggingface_hub: pip install "leadline[zoo]"')
    subprocess.run([sys.executable, "-c", ZOO], env=environment(tmp_path), capture_output=True, check=True)


def test_what_the_user_sets_stays(tmp_path: Path):
    names = [
        "ORT_DISABLE_TELEMETRY",
        "DO_NOT_TRACK",
        "RAY_USAGE_STATS_ENABLED",
        "DEPTHAI_TELEMETRY",
        "DEPTHAI_CRASHDUMP",
    ]
    code = f"import os, leadline; print(*map(os.environ.get, {names}))"
    chosen = {**environment(tmp_path), "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=chosen, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1", "0", "0", "0"]


def test_one_module_imports_onnx_runtime():
    package = Path(__file__).resolve().parents[1] / "src" / "leadline"
    imports = re.compile(r"^\s*(import onnxruntime|from onnxruntime)", re.MULTILINE)
    found = [str(path.relative_to(package)) for path in package.rglob("*.py") if imports.search(path.read_text())]
    assert found == [os.path.join("runtime", "onnx_session.py")]
