import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leadline.errors import InputError, LeadlineError, OutputError
from leadline.io.atomic import atomic_write, make_output_folder, unfinished_folder
from leadline.io.files import read_bytes


def test_a_file_appears_only_when_the_block_ends(tmp_path: Path):
    target = tmp_path / "a.bin"
    with atomic_write(target) as file:
        file.write(b"123")
        assert not target.exists()
    assert target.read_bytes() == b"123"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_an_existing_file_is_replaced_whole(tmp_path: Path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"long old content")
    with atomic_write(target) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


def test_permissions_follow_the_umask(tmp_path: Path):
    with atomic_write(tmp_path / "a") as file:
        file.write(b"1")
    (tmp_path / "plain").write_bytes(b"1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, RuntimeError])
def test_no_half_file_after_an_exception(tmp_path: Path, error: type[BaseException]):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic_write(target) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_an_os_error_of_the_block_itself_passes_through(tmp_path: Path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a") as file:
        file.write((tmp_path / "missing").read_bytes())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path):
    # A file size limit makes the kernel itself refuse the write half way, as a full disk does.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with (
            pytest.raises(OutputError, match=r"expected to write .* got file too large"),
            atomic_write(tmp_path / "a") as file,
        ):
            file.write(bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []


def test_no_space_left(tmp_path: Path):
    with pytest.raises(OutputError, match="no space left"), atomic_write(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_an_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # The superuser may write everywhere, so the refusal is the operating system's only where the tests run as a user.
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.geteuid() == 0:

        def refuse(self: Path, *_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(OutputError, match=r"got permission denied; choose a folder you may write to$"),
        atomic_write(folder / "a"),
    ):
        pass
    assert list(folder.iterdir()) == []


def test_a_missing_folder(tmp_path: Path):
    with pytest.raises(OutputError, match="to exist, got none"), atomic_write(tmp_path / "none" / "a"):
        pass


def test_a_file_where_a_folder_should_be(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(OutputError, match="got a file in its place"), atomic_write(tmp_path / "f" / "a"):
        pass
    for folder in (tmp_path / "f", tmp_path / "f" / "deeper"):
        with pytest.raises(OutputError, match="got a file in its place"):
            make_output_folder(folder)


@pytest.mark.parametrize("name", ["/dev/null", ".", "/"])
def test_devices_and_folders_are_not_replaced(name: str):
    with pytest.raises(OutputError, match="got a folder or device"), atomic_write(name):
        pass


def test_a_name_the_system_refuses(tmp_path: Path):
    with pytest.raises(OutputError, match="choose"), atomic_write(tmp_path / "a\0b"):
        pass
    with pytest.raises(OutputError, match="choose"), atomic_write(tmp_path / ("a" * 300)) as file:
        file.write(b"1")
    with pytest.raises(OutputError, match="choose another one"):
        make_output_folder(tmp_path / "a\0b")
    assert os.listdir(tmp_path) == []


def test_make_output_folder_makes_parents(tmp_path: Path):
    assert make_output_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert make_output_folder(tmp_path / "a" / "b").is_dir()


def test_read_bytes_says_in_one_line_why_not(tmp_path: Path):
    (tmp_path / "empty").touch()
    (tmp_path / "five").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in {
        "none": "no such file",
        ".": "a folder",
        "empty": "an empty file",
        "pipe": "a device or pipe",
        "a\0b": "no such file|null",
        "a" * 300: "no such file|too long",
    }.items():
        with pytest.raises(InputError, match=reason) as caught:
            read_bytes(tmp_path / name, "an image")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="at most 4 bytes, got 5"):
        read_bytes(tmp_path / "five", "an image", 4)
    assert read_bytes(tmp_path / "five", "an image", 5) == b"12345"


def test_reading_failures_are_input_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a").write_bytes(b"1")

    def fail(self: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(self))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(LeadlineError, match="input/output error"):
        read_bytes(tmp_path / "a", "an image")


def test_what_a_killed_process_left_is_removed_and_a_living_one_s_is_not(tmp_path: Path):
    """The next run that writes into the folder tidies up; a file without an owner may be seconds away from one."""
    killed = (
        "import os, sys; from pathlib import Path; from leadline.io.atomic import atomic_write, unfinished_folder\n"
        "with unfinished_folder(Path(sys.argv[1]), 'scene') as folder, atomic_write(sys.argv[1] + '/b.bin') as file:\n"
        "    (folder / 'im0.png').write_bytes(b'half'); file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 2
    with unfinished_folder(tmp_path) as mine, atomic_write(tmp_path / "a.bin") as file:
        (tmp_path / ".young.part").touch()
        make_output_folder(tmp_path)
        assert {"scene" in name for name in os.listdir(tmp_path)} == {True, False}  # all of them are young
        hour_ago = time.time() - 3600
        for path in tmp_path.iterdir():
            os.utime(path, (hour_ago, hour_ago))
        make_output_folder(tmp_path)
        assert mine.is_dir()
        assert len(os.listdir(tmp_path)) == 2
        file.write(b"whole")
    assert os.listdir(tmp_path) == ["a.bin"]
