import numpy as np
import pytest

from leadline.apps.cli.main import main
from leadline.io.film_writing import write_film
from leadline.io.owned import owned_folder

PLAIN = ("--model", "bm", "--workers", "0")


def _told(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    return [line for line in lines if line.startswith("leadline: error:")]


@pytest.fixture
def film(tmp_path):
    """Two equal views: a film without parallax."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    frames = [np.hstack([np.roll(noise, step, axis=1)] * 2) for step in range(12)]
    write_film(tmp_path / "flat.mp4", frames)
    return tmp_path / "flat.mp4"


def test_film_without_parallax_is_told_in_one_line(film, tmp_path, capsys):
    arguments = [
        "mine",
        str(film),
        "--output",
        str(tmp_path / "out"),
        "--model",
        "bm",
        "--workers",
        "0",
        "--layout",
        "side-by-side",
    ]
    assert main(arguments) == 2
    (line,) = _told(capsys)
    assert f"expected frames with parallax in {film}, got none" in line
    assert "| mono | both views show the same: no parallax | 1 | 100.0% |" in (tmp_path / "out/report.md").read_text()


def test_second_miner_on_one_output_is_refused(film, tmp_path, capsys):
    with owned_folder(tmp_path / "out"):
        assert main(["mine", str(film), "--output", str(tmp_path / "out"), *PLAIN]) == 2
    assert "got another process that writes into it" in _told(capsys)[0]
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_no_film_or_no_model_stops_before_anything_is_written(film, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no film")
    assert (
        main(
            [
                "mine",
                str(film),
                str(tmp_path / "text.mp4"),
                "--output",
                str(tmp_path / "out"),
                "--model",
                "bm",
                "--workers",
                "0",
            ]
        )
        == 2
    )
    assert "expected a film that FFmpeg decodes" in _told(capsys)[0]
    assert list((tmp_path / "out").iterdir()) == []
    assert main(["mine", str(film), "--output", str(tmp_path / "other"), "--model", "none-such"]) == 2
    assert "none-such" in _told(capsys)[0]
    assert not (tmp_path / "other").exists()
