"""Where sessions are opened: threads, options, and what a file says of itself."""

from pathlib import Path

import onnxruntime
import pytest

from leadline.errors import InputError
from leadline.runtime import onnx_session
from leadline.runtime.onnx_session import OnnxSession, default_threads, read_metadata


@pytest.mark.parametrize(
    ("affinity", "limit", "threads"),
    [
        (8, "max 100000\n", 8),
        (8, "200000 100000\n", 2),
        (8, "250000 100000\n", 2),
        (8, "50000 100000\n", 1),
        (2, "800000 100000\n", 2),
        (4, None, 4),
        (4, "nonsense\n", 4),
    ],
)
def test_threads_are_the_processors_that_the_process_may_use(affinity, limit, threads, tmp_path, monkeypatch):
    path = tmp_path / "cpu.max"
    if limit is not None:
        path.write_text(limit)
    monkeypatch.setattr(onnx_session, "_CGROUP_QUOTA", path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    assert default_threads() == threads


def test_threads_do_not_spin(toy_graph: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []

    class Seeing(onnxruntime.InferenceSession):
        def __init__(self, path, options, providers):
            seen.append(options)
            super().__init__(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Seeing)
    session = OnnxSession(toy_graph, threads=2)
    (options,) = seen
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.intra_op_num_threads == session.threads == 2


def test_a_file_says_what_it_is_for(toy_graph: Path, foreign_graph: Path, tmp_path: Path):
    assert read_metadata(toy_graph) == {"leadline.max_disparity": "128"}
    assert read_metadata(foreign_graph) == {}
    (tmp_path / "noise.onnx").write_bytes(b"no network\n")
    with pytest.raises(InputError, match="expected an ONNX network, could not load") as refused:
        read_metadata(tmp_path / "noise.onnx")
    assert "\n" not in str(refused.value)
