"""Ctrl-C while a graph runs that never ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from leadline.tasks import MAX_DISPARITY_KEY

# A shell starts what it runs in the background with the signal ignored.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from leadline.apps.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stereo graph with a loop without an end."""
    kind = TensorProto
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["total", "one"], ["sum"])],
        "body",
        [
            helper.make_tensor_value_info("count", kind.INT64, []),
            helper.make_tensor_value_info("go", kind.BOOL, []),
            helper.make_tensor_value_info("total", kind.FLOAT, None),
        ],
        [helper.make_tensor_value_info("go_on", kind.BOOL, []), helper.make_tensor_value_info("sum", kind.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Cast", ["left"], ["float"], to=kind.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Loop", ["", "yes", "mean"], ["disparity"], body=body),
    ]
    constants = [
        helper.make_tensor("axes", kind.INT64, [1], [2]),
        helper.make_tensor("yes", kind.BOOL, [], [True]),
        helper.make_tensor("one", kind.FLOAT, [], [1.0]),
    ]
    sides = [helper.make_tensor_value_info(side, kind.UINT8, ["h", "w", 3]) for side in ("left", "right")]
    layers = [helper.make_tensor_value_info("disparity", kind.FLOAT, ["h", "w"])]
    model = helper.make_model(
        helper.make_graph(nodes, "endless", sides, layers, constants),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    helper.set_model_props(model, {MAX_DISPARITY_KEY: "128"})
    path = tmp_path_factory.mktemp("endless") / "endless.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc: the time a process used is not told")
def test_ctrl_c_ends_a_graph_that_never_ends(endless: Path, tmp_path: Path) -> None:
    import cv2

    texture = np.random.default_rng(0).integers(0, 256, (60, 107, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "left.png"), texture[:, :100])
    cv2.imwrite(str(tmp_path / "right.png"), texture[:, 7:])
    words = ["stereo", "left.png", "right.png", "--model", str(endless), "--output", "out", "--threads", "1"]
    command = [sys.executable, "-c", _PROGRAM, *words]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        used = 0.0
        while process.poll() is None and used < 4.0:
            time.sleep(0.2)
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, told) == (130, "leadline: interrupted\n")
    assert not (tmp_path / "out" / "summary.json").exists()
