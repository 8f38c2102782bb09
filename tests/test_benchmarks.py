"""The benchmark scripts: what they work out from measured rows."""

import sys
from pathlib import Path

import pytest

from leadline.apps.cli.bench import BenchRow


@pytest.fixture
def stereo_speed(monkeypatch):
    folder = Path(__file__).parents[1] / "benchmarks"
    if not folder.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    monkeypatch.syspath_prepend(str(folder))
    import stereo_speed

    yield stereo_speed
    del sys.modules["stereo_speed"]


def row(model: str, height: int, seconds: float, gflop: float | None) -> BenchRow:
    return BenchRow(model, height, 64, 32, 2, seconds, 0.0, 100.0, gflop)


def test_ratios_are_to_sgbm_on_the_same_size(stereo_speed):
    rows = [row("ours", 48, 0.3, 6.0), row("sgbm-3way", 48, 0.2, None), row("sgbm-3way", 96, 0.1, None)]
    assert stereo_speed.ratio(rows[0], rows) == pytest.approx(1.5)
    table = stereo_speed.table(rows, limit=40.0, threads=2, repeats=3)
    cells = [list(column.cells) for column in table.columns]
    assert cells[3] == ["1.50", "1.00", "1.00"]
    assert cells[6] == ["50", "-", "-"]  # 6 GFLOP in 0.3 s are 20 of 40 GFLOP/s
