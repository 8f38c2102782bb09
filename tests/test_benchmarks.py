"""The benchmark scripts: what they work out from measured rows."""

import importlib
import sys
from pathlib import Path

import numpy as np
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


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a benchmark script by its name."""
    folder = Path(__file__).parents[1] / "benchmarks"
    if not folder.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if not name.startswith("leadline") and str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_published_figure_has_its_source(benchmark):
    compare = benchmark("compare")
    assert all(row.source in compare.SOURCES and row.licence for row in compare.PUBLISHED)
    assert {column for row in compare.PUBLISHED for column in row.figures} <= set(compare.COLUMNS)
    table = compare.published_table()
    assert table.row_count == len(compare.PUBLISHED)
    page = (Path(__file__).parents[1] / "docs" / "compare.md").read_text()
    for row in compare.PUBLISHED:
        cells = [f"{row.figures[column]:g}" for column in compare.COLUMNS if column in row.figures]
        assert row.name in page
        assert all(f"| {cell} |" in page for cell in cells)


def test_degradations_are_what_they_say(benchmark):
    degraded = benchmark("confidence_tables").DEGRADED
    image, rng = np.full((24, 40, 3), 70, np.uint8), np.random.default_rng(0)
    image[:, 20:] = 130
    assert (degraded["as they are"](image, rng) == image).all()
    brighter = degraded["twice as bright, cut"](image, rng)
    assert (brighter[0, 0, 0], brighter[0, -1, 0]) == (140, 255)
    # Motion of 9 px: the step becomes a ramp of nine equal parts.
    ramp = degraded["motion 9 px"](image, rng)[12, 15:25, 0].astype(int)
    assert (np.diff(ramp) >= 6).all()
    assert (degraded["noise 4"](image, rng) != image).any()


def test_reliability_by_region_and_as_a_diagram(benchmark, tmp_path):
    tables = benchmark("confidence_tables")
    error, confidence = np.array([0.2, 0.3, 4.0, 0.1]), np.array([0.75, 0.75, 0.75, 0.75])
    (bin_of,) = tables.reliability_of([(error, confidence)])
    assert (bin_of.correct, bin_of.count) == (0.75, 4)
    tables.draw_reliability({"group": {"network": (bin_of,)}}, tmp_path / "d.png")
    assert (tmp_path / "d.png").stat().st_size > 0


def test_the_correction_for_blur_is_found_again(benchmark):
    module = benchmark("blur_calibration")
    logits = np.linspace(-3.0, 4.0, 500)

    def scene(octaves, noise):
        shift = 0.8 * octaves / (1.0 + (noise / 3.0) ** 2)
        return module.Degraded("g", logits, float((1.0 / (1.0 + np.exp(shift - logits))).mean()), octaves, noise)

    found = [scene(octaves, noise) for octaves in (0.0, 1.0, 2.0) for noise in (0.0, 3.0, 6.0)]
    rate, noise, gap = module.fitted(found)
    assert (rate, noise, gap) == (pytest.approx(0.8), 3.0, pytest.approx(0.0, abs=1e-9))


def test_the_error_of_a_path_is_free_of_its_scale_and_a_share_of_its_length(benchmark):
    static = benchmark("self_supervised_static")
    truth = np.tile(np.eye(4), (3, 1, 1))
    truth[:, 2, 3] = [0.0, 1.0, 2.0]
    half = truth.copy()
    half[:, :3, 3] *= 0.5
    assert static.ate_percent(half, truth) == pytest.approx(0.0, abs=1e-9)
    # Sideways by 1 at the last of three positions, on a path of 2: scale 5/6 leaves (1/6, (2/6, 5/6)).
    aside = truth.copy()
    aside[2, 0, 3] = 1.0
    errors = np.array([0.0, 1 / 6, np.hypot(2 / 6, 5 / 6)])
    assert static.ate_percent(aside, truth) == pytest.approx(100 * np.sqrt((errors**2).mean()) / 2)


def test_a_mined_film_is_scored_against_its_shots(benchmark):
    from leadline.data.synthetic.film import FilmShot, RenderedShot
    from leadline.maps import DisparityMap

    mining = benchmark("mining")
    kinds = ("stereo", "mono", "stereo", "black")
    made = [RenderedShot(FilmShot(kind=k, frames=10), 10 * n, None, (4, 8), 0) for n, k in enumerate(kinds)]
    # The third shot's end is told three frames too late, and the fourth one begins there.
    told = [[0, 10, 2, "", {}], [10, 20, 0, "mono", {}], [20, 33, 1, "", {}], [33, 40, 0, "black", {}]]
    scores = mining.score({"shots": told, "shards": [], "split": "train"}, made, Path())
    assert (scores.found, scores.shots) == (2, 4)
    # What was found from frame 30 on counts against the black shot, too.
    assert scores.refused == {"stereo": (0, 2), "mono": (1, 1), "black": (0, 1)}
    truth = DisparityMap(np.full((4, 8), 6.0, np.float32), np.arange(32).reshape(4, 8) % 8 < 6)
    half = mining.seen_at(truth, (2, 4))
    assert (half.disparity == 3.0).all()
    assert half.valid.tolist() == [[True, True, True, False]] * 2
    assert mining.table(scores).row_count == 5


@pytest.mark.slow
def test_mining_of_a_rendered_film_holds_its_bars(benchmark, tmp_path, capsys):
    mining = benchmark("mining")
    kinds = ("stereo", "mono", "swapped", "stereo")
    made = mining.make_film(tmp_path / "film.mp4", kinds, (240, 480), "half-side-by-side", 8, 16, 500)
    options = mining.MineOptions(model="leadline-fast")
    films, output = (str(tmp_path / "film.mp4"),), tmp_path / "mined"
    (film,) = mining.mine_films(mining.MineRequest(films=films, output=output, options=options,
                                                   load=mining.load_signed_matcher))  # fmt: skip
    scores = mining.score(film, made, output)
    assert scores.found == 4
    assert scores.refused["mono"] == scores.refused["swapped"] == (1, 1)
    assert np.median(scores.pooled) < mining.BARS["median error, px"]
    assert (scores.pooled > mining.BAD_PX).mean() < mining.BARS["errors above 3 px"]
