"""Results appear whole: two runs in one folder do not delete each other's files."""

from pathlib import Path

import pytest

from leadline.errors import OutputError
from leadline.results.stereo import whole_result

NAMES = ("a.pfm", "b.png", "summary.json")


def _write(folder: Path, text: str, names: tuple[str, ...] = NAMES) -> None:
    with whole_result(folder, NAMES) as place:
        for name in names:
            (place / name).write_text(text)


def test_a_run_that_is_interrupted_leaves_what_another_one_finished_meanwhile(tmp_path) -> None:
    def second() -> None:
        with whole_result(tmp_path, NAMES) as place:
            (place / "a.pfm").write_text("second")
            _write(tmp_path, "first")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        second()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(NAMES, "first")


def test_a_later_result_replaces_every_file_of_an_earlier_one(tmp_path) -> None:
    _write(tmp_path, "first")
    _write(tmp_path, "second", ("a.pfm", "summary.json"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.pfm": "second", "summary.json": "second"}


def test_a_failure_leaves_nothing(tmp_path) -> None:
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OutputError, match="expected to replace"):
        _write(tmp_path, "first")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
