"""`leadline bench stereo`: every method on the same pair."""

import json
from dataclasses import replace

import pytest

from leadline.apps.cli.bench import network_gflop, stereo_bench
from leadline.apps.cli.main import main
from leadline.errors import LeadlineError
from leadline.runtime.card import bundled_cards
from leadline.tasks import TASKS

MONO, STEREO = TASKS["mono"], TASKS["stereo"]
KEYS = "model height width max_disparity threads seconds_median seconds_spread peak_mb gflop".split()


def test_rows_hold_what_is_promised(tmp_path, capsys):
    rows_file = tmp_path / "rows.json"
    words = ["bench", "stereo", "--sizes", "96x64", "--models", "leadline-fast,bm", "--max-disparity", "48"]
    assert main([*words, "--threads", "1", "--repeats", "2", "--json", str(rows_file)]) == 0
    network, matcher = json.loads(rows_file.read_text())
    for row, name in ((network, "leadline-fast"), (matcher, "bm")):
        assert list(row) == KEYS
        assert [row[key] for key in KEYS[:5]] == [name, 64, 96, 48, 1]
        assert 0 < row["seconds_median"] < 60
        assert row["seconds_spread"] >= 0
        assert 20 < row["peak_mb"] < 1000
    assert matcher["gflop"] is None
    assert network["gflop"] == pytest.approx(bundled_cards()["leadline-fast"].gflop * 64 * 96 / (640 * 480))
    assert "GFLOP/s" in capsys.readouterr().out


def test_rows_of_single_images(tmp_path, capsys, mono_graph):
    rows_file, model = tmp_path / "rows.json", str(mono_graph())
    words = ["bench", "mono", "--sizes", "48x32", "--models", model, "--threads", "1", "--repeats", "2"]
    assert main([*words, "--json", str(rows_file)]) == 0
    (row,) = json.loads(rows_file.read_text())
    assert list(row) == [key for key in KEYS if key != "max_disparity"]
    assert (row["model"], row["height"], row["width"], row["threads"], row["gflop"]) == (model, 32, 48, 1, None)
    assert 20 < row["peak_mb"] < 1000
    assert "disparities" not in capsys.readouterr().out


def test_single_images_take_networks_for_them(monkeypatch, capsys):
    assert main(["bench", "mono", "--models", "leadline-fast"]) == 2
    assert "`leadline stereo`" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr("leadline.apps.cli.bench.known_models", lambda _: ())
    assert main(["bench", "mono"]) == 2
    assert "name an ONNX file with --models" in capsys.readouterr().err


def test_a_monocular_network_works_at_a_size_of_its_own(monkeypatch):
    card = replace(bundled_cards()["leadline-fast"], task="mono", name="toy", gflop=1.5)
    monkeypatch.setattr("leadline.apps.cli.bench.bundled_cards", lambda task: {"toy": card} if task == "mono" else {})
    assert network_gflop(MONO, "toy", 480, 640) == network_gflop(MONO, "toy", 4800, 6400) == 1.5
    assert network_gflop(STEREO, "toy", 480, 640, 96) is None


def test_work_grows_with_the_area():
    card = bundled_cards()["leadline-fast"]
    assert network_gflop(STEREO, "leadline-fast", 480, 640, card.max_disparity) == pytest.approx(card.gflop)
    assert network_gflop(STEREO, "leadline-fast", 240, 640, 96) == pytest.approx(card.gflop / 2)


@pytest.mark.parametrize(
    ("name", "height", "width", "largest"),
    [("bm", 480, 640, 96), ("leadline-fast", 480, 640, 193), ("leadline-fast", 4000, 6000, 96)],
)
def test_work_is_unknown_without_a_single_pass(name, height, width, largest):
    assert network_gflop(STEREO, name, height, width, largest) is None


def test_a_child_that_fails_is_told(monkeypatch):
    import subprocess

    done = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(LeadlineError, match="process of its own, got: exit code -9"):
        stereo_bench(sizes="48x32", models="bm", repeats=1, threads=1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "480"], "WIDTHxHEIGHT"),
        (["--sizes", "0x5"], "WIDTHxHEIGHT"),
        (["--repeats", "0"], "--repeats"),
        (["--models", "nonsense"], "sgbm-3way"),
        (["--threads", "0"], "at least 1"),
    ],
)
def test_mistakes_are_told_in_one_line(capsys, words, message):
    assert main(["bench", "stereo", *words]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_without_scikit_image_the_extra_is_named(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "skimage.data", None)
    assert main(["bench", "stereo"]) == 2
    assert "leadline[demo]" in capsys.readouterr().err


def test_rows_of_flow(tmp_path, capsys):
    rows_file = tmp_path / "rows.json"
    words = ["bench", "flow", "--sizes", "96x64", "--models", "dis-fast,farneback", "--threads", "1", "--repeats", "1"]
    assert main([*words, "--json", str(rows_file)]) == 0
    rows = json.loads(rows_file.read_text())
    assert [(row["model"], row["height"], row["width"]) for row in rows] == [
        ("dis-fast", 64, 96),
        ("farneback", 64, 96),
    ]
    assert all(20 < row["peak_mb"] < 1000 for row in rows)
