"""Engines: each task is done once for the caller, whatever happens to the workers."""

import importlib
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from leadline.data.engine import require_engine, run_tasks
from leadline.data.synthetic.generate import generate_stereo
from leadline.errors import InputError, LeadlineError, MissingExtraError

# Workers import what they do; this file itself has no name that they could import it by.
WORK = """
import os, signal
from pathlib import Path
from leadline.errors import InputError

def square(number):
    return number * number

def square_or_die(number, folder):
    mark = Path(folder, str(number))
    if number % 4 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number

def die(number):
    os.kill(os.getpid(), signal.SIGKILL)

def refuse(number):
    raise InputError(f"expected nothing, got {number}")

def divide(number):
    return number / 0
"""
ENGINES = ["processes", pytest.param("ray", marks=pytest.mark.slow)]
SHARDS = {"count": 4, "seed": 7, "size": (64, 96), "shard_size": 1}


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "engine_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path / "code")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "code"), *sys.path]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield importlib.import_module("engine_work")
    del sys.modules["engine_work"]


@pytest.fixture
def needs(request):
    """Skips what needs Ray where it is not installed."""
    if "ray" in request.node.callspec.params.values():
        pytest.importorskip("ray", reason='no ray: pip install "leadline[scale]"')


@pytest.mark.usefixtures("needs")
@pytest.mark.parametrize("engine", ENGINES)
def test_killed_workers_cost_nothing_but_time(work, tmp_path, engine):
    """Workers of three of the nine tasks, 0, 4 and 8, are killed at the first try."""
    found = run_tasks(partial(work.square_or_die, folder=str(tmp_path)), range(9), 2, engine)
    assert sorted(found) == [number * number for number in range(9)]
    assert sorted(int(path.name) for path in tmp_path.iterdir() if path.is_file()) == [0, 4, 8]


@pytest.mark.usefixtures("needs")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_task_that_kills_every_worker_ends_the_run(work, engine):
    with pytest.raises(LeadlineError, match="lost 4 of them by the same task; is there memory for so many"):
        list(run_tasks(work.die, [1], 1, engine))


@pytest.mark.usefixtures("needs")
@pytest.mark.parametrize("engine", ENGINES)
def test_errors_of_a_worker_are_raised_here(work, engine):
    with pytest.raises(InputError, match=r"^expected nothing, got 5$"):
        list(run_tasks(work.refuse, [5], 1, engine))
    with pytest.raises(ZeroDivisionError) as caught:
        list(run_tasks(work.divide, [5], 1, engine))
    assert "in divide" in "".join(caught.value.__notes__)


def test_no_workers_and_no_tasks(work):
    assert list(run_tasks(work.square, [3, 2], 0)) == [9, 4]
    assert list(run_tasks(work.square, [], 2)) == []


@pytest.mark.parametrize(
    ("engine", "workers", "message"),
    [
        ("processes", -1, "workers of at least 0 with the engine processes, got -1"),
        ("processes", 257, "workers of at most 256 with the engine processes, got 257"),
        ("ray", 0, "workers of at least 1 with the engine ray, got 0"),
        ("ray", 10**6, "workers of at most 100000 with the engine ray"),
    ],
)
def test_numbers_of_workers_are_checked(engine, workers, message):
    with pytest.raises(InputError, match=message):
        require_engine(engine, workers)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'package ray for the engine ray, .* pip install "leadline\[scale\]"'):
        require_engine("ray", 1)


@pytest.mark.slow
def test_an_absent_cluster_is_told(monkeypatch, work):
    pytest.importorskip("ray", reason='no ray: pip install "leadline[scale]"')
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(LeadlineError, match=r"expected a Ray cluster at 127\.0\.0\.1:1, got: .*; check RAY_ADDRESS"):
        list(run_tasks(work.square, [1], 1, "ray"))


def descendants(process: int) -> dict[int, bytes]:
    """Processes below a process, with their command lines."""
    parents, found = {}, {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    for one in parents:
        line, above = [one], one
        while (above := parents.get(above, 0)) > 1:
            line.append(above)
        if process in line[1:]:
            with suppress(OSError):
                found[one] = Path(f"/proc/{one}/cmdline").read_bytes()
    return found


def kill_one(folder: Path, word: bytes, killed: list[int]) -> None:
    """Kills a worker of this process as soon as a shard is under way."""
    for _ in range(3000):
        if list(folder.glob(".*.part")):
            workers = [one for one, words in descendants(os.getpid()).items() if word in words]
            if workers:
                os.kill(max(workers), signal.SIGKILL)
                killed.append(max(workers))
                return
        time.sleep(0.02)


def shards_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


@pytest.mark.usefixtures("needs")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to list processes")
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_shards_are_the_same_with_a_worker_killed(tmp_path, monkeypatch, engine):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    word = b"ray::_work_on_ray" if engine == "ray" else b"spawn_main"
    generate_stereo(**SHARDS, output=tmp_path / "one", workers=0)
    killed: list[int] = []
    killer = threading.Thread(target=kill_one, args=(tmp_path / "two", word, killed))
    killer.start()
    generate_stereo(**SHARDS, output=tmp_path / "two", workers=2, engine=engine)
    killer.join()
    assert len(killed) == 1
    assert len(shards_of(tmp_path / "one")) == 4
    assert shards_of(tmp_path / "two") == shards_of(tmp_path / "one")


@pytest.mark.slow
def test_shards_are_the_same_with_a_machine_lost(tmp_path, monkeypatch):
    """A cluster of two nodes with one worker each; one node ends while both render."""
    pytest.importorskip("ray", reason='no ray: pip install "leadline[scale]"')
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    lost: list[bool] = []
    try:
        node, _ = (cluster.add_node(num_cpus=1, object_store_memory=128 << 20) for _ in range(2))
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)

        def lose() -> None:
            for _ in range(3000):
                if len(list((tmp_path / "two").glob(".*.part"))) == 2:
                    cluster.remove_node(node, allow_graceful=False)
                    lost.append(True)
                    return
                time.sleep(0.02)

        generate_stereo(**SHARDS, output=tmp_path / "one", workers=0)
        loser = threading.Thread(target=lose)
        loser.start()
        generate_stereo(**SHARDS, output=tmp_path / "two", workers=2, engine="ray")
        loser.join()
    finally:
        cluster.shutdown()
    assert lost == [True]
    assert shards_of(tmp_path / "two") == shards_of(tmp_path / "one")
