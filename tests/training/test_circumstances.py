"""Unlucky circumstances of a run: signals, full disks, two runs in one folder, foreign checkpoints, killed parents."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from leadline.apps.cli.main import main
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stream import Stream
from leadline.errors import InputError, OutputError, Terminated
from leadline.io.owned import owned_folder
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.interruption import check_interruption, interruptible
from leadline.training.recipe import Recipe, resolved
from leadline.training.run import LOGS_NAME, disk_errors, train
from leadline.training.stereo.recipe import StereoRecipe


@pytest.fixture(scope="module")
def small(toy_recipe: StereoRecipe) -> StereoRecipe:
    """A run whose steps take milliseconds."""
    return replace(toy_recipe, model="dispnet-s", precision="32-true", augmentation=StereoAugmentation(crop=(64, 64)))


def write(recipe: Recipe, path: Path) -> Path:
    path.write_text(yaml.safe_dump(plain(resolved(recipe))))
    return path


def plain(values):
    """Tuples as lists, which YAML can say."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    return [plain(value) for value in values] if isinstance(values, tuple) else values


def validated_at(run: Path) -> list[int]:
    events = EventAccumulator(str(run / LOGS_NAME)).Reload()
    return [event.step + 1 for event in events.Scalars("rendered/epe")]


def interrupted_at(number: int, monkeypatch: pytest.MonkeyPatch):
    """Makes the stream fail at a sample."""
    read = Stream.__getitem__

    def power_cut(self: Stream, index: int) -> dict[str, torch.Tensor]:
        if self.start + index == number:
            raise ConnectionAbortedError
        return read(self, index)

    monkeypatch.setattr(Stream, "__getitem__", power_cut)


@pytest.mark.parametrize("steps", [8, 7])
def test_a_resumed_run_is_validated_at_the_same_steps_and_at_the_end(small, tmp_path: Path, monkeypatch, steps: int):
    recipe = replace(small, steps=steps, epoch_steps=2, validate_epochs=2)
    train(recipe, tmp_path / "straight")
    assert validated_at(tmp_path / "straight") == [4, steps]
    with monkeypatch.context() as patched:
        interrupted_at(2 * 5, patched)  # in the third epoch, after step 5
        with pytest.raises(ConnectionAbortedError):
            train(recipe, tmp_path / "cut")
    assert validated_at(tmp_path / "cut") == [4]
    train(recipe, tmp_path / "cut")
    assert validated_at(tmp_path / "cut") == [4, steps]


def test_an_extended_run_is_validated_on_the_grid_of_steps(small, tmp_path: Path):
    train(replace(small, steps=3, epoch_steps=2, validate_epochs=2), tmp_path / "run")
    train(replace(small, steps=9, epoch_steps=2, validate_epochs=2), tmp_path / "run")
    assert validated_at(tmp_path / "run") == [3, 4, 8, 9]


def test_a_lowered_learning_rate_is_used_on_resume(small, tmp_path: Path):
    checkpoint = train(replace(small, steps=2), tmp_path / "run")
    before = torch.load(checkpoint, weights_only=True)
    train(replace(small, steps=6, decay_steps=1, learning_rate=1e-12, weight_decay=0.5), tmp_path / "run")
    after = torch.load(checkpoint, weights_only=True)
    assert after["global_step"] == 6
    assert after["lr_schedulers"][0]["base_lrs"] == [1e-12]
    assert after["optimizer_states"][0]["param_groups"][0]["weight_decay"] == 0.5
    moved = [
        float((after["state_dict"][name] - value).abs().max())
        for name, value in before["state_dict"].items()
        if name.startswith("model.") and value.is_floating_point()
    ]
    assert max(moved) < 1e-9


def test_two_runs_in_one_folder_are_refused(small, tmp_path: Path):
    with owned_folder(tmp_path / "run"):
        code = (
            "import sys; from pathlib import Path; from leadline.io.owned import owned_folder\n"
            "from leadline.errors import OutputError\n"
            "try:\n    owned_folder(Path(sys.argv[1])).__enter__()\n"
            "except OutputError as error:\n    print(error); sys.exit(7)"
        )
        words = [sys.executable, "-c", code, str(tmp_path / "run")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 7, done.stderr
        assert "for this run alone" in done.stdout
        with pytest.raises(OutputError, match="got another process that writes into it"):
            train(small, tmp_path / "run")
    with owned_folder(tmp_path / "run"):
        pass


def test_a_folder_without_locks_is_used(tmp_path: Path, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with owned_folder(tmp_path / "run") as folder:
        assert folder.is_dir()


def test_unfinished_files_of_a_killed_run_are_removed(tmp_path: Path):
    (tmp_path / ".last.ckpt.0123456789ab.part").touch()
    (tmp_path / ".model.0123456789ab.part").mkdir()
    (tmp_path / ".model.0123456789ab.part" / "a").touch()
    (tmp_path / "last.ckpt").touch()
    (tmp_path / "notes.part").touch()
    with owned_folder(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "notes.part"]


def cut_off(checkpoint: Path, folder: Path) -> Path:
    (folder / "cut.ckpt").write_bytes(checkpoint.read_bytes()[:5000])
    return folder / "cut.ckpt"


def changed(checkpoint: Path, folder: Path, change) -> Path:
    state = torch.load(checkpoint, weights_only=True)
    change(state)
    torch.save(state, folder / "changed.ckpt")
    return folder / "changed.ckpt"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cut_off, "could not read"),
        (lambda _, folder: (folder / "empty.ckpt").touch() or folder / "empty.ckpt", "could not read"),
        (lambda _, folder: torch.save({"a": torch.zeros(3)}, folder / "p.pth") or folder / "p.pth", "KeyError"),
        (lambda path, folder: changed(path, folder, lambda state: state.pop("optimizer_states")), "could not read"),
        (lambda path, folder: changed(path, folder, lambda state: state.pop("loops")), "could not read"),
        (lambda path, folder: changed(path, folder, lambda state: state.update(loops=3)), "could not read"),
        (
            lambda path, folder: changed(
                path, folder, lambda state: state["optimizer_states"][0]["param_groups"][0]["params"].pop()
            ),
            "learns the same weights",
        ),
        (
            lambda path, folder: changed(path, folder, lambda state: state["state_dict"].popitem()),
            "checkpoint of this network",
        ),
        (
            lambda path, folder: changed(path, folder, lambda state: state["loops"].update(fit_loop={"a": 3})),
            "could not go on from it",
        ),
    ],
)
def test_a_foreign_or_damaged_checkpoint_is_one_line(small, tmp_path: Path, make, message: str):
    whole = train(replace(small, steps=1), tmp_path / "whole")
    start = make(whole, tmp_path)
    with pytest.raises(InputError, match=message) as refused:
        train(small, tmp_path / "run", start_from=start)
    assert "\n" not in str(refused.value)


def test_another_network_s_checkpoint_is_refused(small, tmp_path: Path):
    train(replace(small, steps=1), tmp_path / "run")
    with pytest.raises(InputError, match=r"the checkpoint of this network in .*choose another output folder"):
        train(replace(small, model="plain"), tmp_path / "run")


FULL = """
import resource, sys
import torch
from leadline.apps.cli.main import main

torch.set_num_threads(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_one_line_and_keeps_the_checkpoint(small, tmp_path: Path):
    checkpoint = train(replace(small, steps=2), tmp_path / "run")
    before, size = checkpoint.read_bytes(), checkpoint.stat().st_size
    path = write(replace(small, validation_pairs=0), tmp_path / "toy.yaml")
    script = tmp_path / "full.py"
    script.write_text(FULL)
    # A file larger than the limit fails as on a full disk, with another number.
    words = [sys.executable, "-W", "ignore", script, str(size // 2), "train", path, "--output", tmp_path / "run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "leadline: error: expected to write" in done.stderr.splitlines()[-1]
    assert checkpoint.read_bytes() == before
    assert list((tmp_path / "run").glob(".*.part")) == []


def test_a_disk_s_error_is_found_behind_others(tmp_path: Path):
    def failing() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise RuntimeError("writer") from error

    with (
        pytest.raises(OutputError, match="no space left on device; the last checkpoint"),
        disk_errors(tmp_path),
    ):
        failing()
    with pytest.raises(RuntimeError, match="another"), disk_errors(tmp_path):
        raise RuntimeError("another")


def test_what_the_disk_said_is_kept_behind_torch(tmp_path: Path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    AtomicCheckpoints().save_checkpoint({"a": torch.zeros(3)}, tmp_path / "a.ckpt")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
        with pytest.raises(OutputError, match=r"expected to write .*a\.ckpt"):
            AtomicCheckpoints().save_checkpoint({"a": torch.zeros(300_000)}, tmp_path / "a.ckpt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert AtomicCheckpoints().load_checkpoint(tmp_path / "a.ckpt")["a"].shape == (3,)


@pytest.mark.parametrize(("number", "wanted"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
@pytest.mark.parametrize("swallowed", ["swallowed", "another exception", "exit", "raised"])
def test_a_signal_is_never_lost(number: int, wanted: type, swallowed: str):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def block() -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(1.0)
        except KeyboardInterrupt:
            if swallowed == "raised":
                raise
            if swallowed == "exit":
                sys.exit(1)
            if swallowed == "another exception":
                raise RuntimeError from None
            with pytest.raises(wanted):
                check_interruption()

    with pytest.raises(wanted) as raised, interruptible():
        block()
    assert type(raised.value) is wanted
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_the_command_says_that_it_was_terminated(monkeypatch, capsys):
    def stopped(*_: object, **__: object) -> None:
        raise Terminated

    monkeypatch.setattr("leadline.apps.cli.main.make_app", lambda _: stopped)
    assert main(["train"]) == 143
    assert capsys.readouterr().err == "leadline: terminated\n"


WITH_WORKERS = """
import sys
import torch
from leadline.apps.cli.main import main

if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main(sys.argv[1:]))
"""


def session_of(leader: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to list processes")
def test_workers_end_with_a_killed_run(small, tmp_path: Path):
    path = write(replace(small, steps=100_000, epoch_steps=100_000, workers=1), tmp_path / "toy.yaml")
    script = tmp_path / "run.py"
    script.write_text(WITH_WORKERS)
    words = [sys.executable, "-W", "ignore", script, "train", path, "--output", tmp_path / "run"]
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120.0
        # The run, multiprocessing's tracker and its fork server, and the worker.
        while len(session_of(run.pid)) < 4 or not list((tmp_path / "run" / LOGS_NAME).glob("events*")):
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        time.sleep(1.0)
        run.kill()  # and nobody waits for it yet: it stays as a zombie
        deadline = time.monotonic() + 20.0
        while session_of(run.pid):
            assert time.monotonic() < deadline, "processes outlive the run"
            time.sleep(0.2)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
