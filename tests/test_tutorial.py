"""The tutorial's commands, as they stand on the page, one after another in an empty folder."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder after the page's last command, and what all of them printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    said = list[str]()
    for kind, text in BLOCK.findall(PAGE.read_text()):
        words = ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    return folder, "\n".join(said)


def test_the_page_says_what_happens(outputs):
    folder, said = outputs
    assert "fine: rectified, views in order" in said
    assert re.search(r"not rectified: vertical offset median 1\.[23]", said)
    assert re.search(r"vertical offset after: +median 0\.1", said)
    assert {"rendered/epe", "rendered/bad2", "motorcycle/epe"} <= {line.split(" ")[0] for line in said.splitlines()}
    assert {"cloud.ply", "disparity_plasma.png", "summary.json"} <= {
        path.name for path in (folder / "bundled").iterdir()
    }


def test_the_own_network_is_scored_beside_others(outputs):
    folder, _ = outputs
    report = json.loads((folder / "evaluation" / "report.json").read_text())
    rows = [row for row in report["rows"] if (row["metric"], row["rule"], row["mask"]) == ("bad-2", "dense", "all")]
    bad2 = {row["method"]: row["value"] for row in rows}
    assert set(bad2) == {"toy.onnx", "leadline-fast", "sgbm-3way"}
    assert bad2["toy.onnx"] > 50.0 > 15.0 > bad2["leadline-fast"]
    assert (folder / "evaluation" / "motorcycle.png").is_file()
