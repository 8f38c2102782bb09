"""How fast stereo methods are, as a ratio to SGBM, and how near the networks come to what this machine can do.

    python benchmarks/stereo_speed.py --threads 2 --json speed.json

The pair is Middlebury's Motorcycle, resized. Compare the ratios of one run, not the seconds of two.
"""

from dataclasses import asdict
from pathlib import Path

import cyclopts
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.bench import BenchRow, measure, product_gflop_per_s
from leadline.results.stereo import versions, write_json
from leadline.runtime.card import bundled_cards
from leadline.runtime.onnx_session import default_threads

REFERENCE = "sgbm-3way"
TABLE_WIDTH = 110
CASES = (((480, 640), 192), ((500, 741), 96), ((120, 160), 64))
"""Sizes with the largest disparity that is looked for."""


def main(*, models: str | None = None, threads: int | None = None, repeats: int = 15, json: Path | None = None) -> None:
    """Measures every method at every size.

    Args:
        models: Methods, separated by commas; every bundled network if absent. SGBM in 3 directions, with its check and
            filling, is the reference and always among them.
        threads: Threads to use; all processors if absent.
        repeats: Timed runs of each method and size.
        json: File for all numbers.
    """
    chosen = [*bundled_cards("stereo"), *bundled_cards("refine")] if models is None else models.split(",")
    names = [*dict.fromkeys((*chosen, REFERENCE))]
    used = default_threads() if threads is None else threads
    limit = product_gflop_per_s()
    rows = [row for size, reach in CASES for row in measure(names, [size], reach, used, repeats)]
    Console(width=max(Console().width, TABLE_WIDTH)).print(table(rows, limit, used, repeats))
    if json is not None:
        write_json(
            json,
            {
                "reference": REFERENCE,
                "matrix_product_gflop_per_s": limit,
                "repeats": repeats,
                "rows": [{**asdict(row), "ratio": ratio(row, rows)} for row in rows],
                "versions": versions(),
            },
        )


def ratio(row: BenchRow, rows: list[BenchRow]) -> float:
    """Its seconds over those of the reference on the same size."""
    (other,) = (o for o in rows if o.model == REFERENCE and (o.height, o.width) == (row.height, row.width))
    return row.seconds_median / other.seconds_median


def table(rows: list[BenchRow], limit: float, threads: int, repeats: int) -> Table:
    """Seconds, ratios, memory and the share of the machine's arithmetic that is used."""
    shown = Table(
        title=f"Motorcycle, {threads} threads, median of {repeats} runs; ratio to {REFERENCE}",
        caption=f"limit: {limit:.0f} GFLOP/s in a float32 matrix product of numpy",
        title_justify="left",
        caption_justify="left",
    )
    for label in ("height x width, largest disparity", "model"):
        shown.add_column(label, no_wrap=True)
    for label in ("s", "ratio", "peak MB", "GFLOP", "% of the limit"):
        shown.add_column(label, justify="right")
    for row in rows:
        share = None if row.gflop is None else 100.0 * row.gflop / row.seconds_median / limit
        shown.add_row(
            f"{row.height}x{row.width}, {row.max_disparity} px",
            row.model,
            f"{row.seconds_median:.4f}",
            f"{ratio(row, rows):.2f}",
            f"{row.peak_mb:.0f}",
            "-" if row.gflop is None else f"{row.gflop:.1f}",
            "-" if share is None else f"{share:.0f}",
        )
    return shown


if __name__ == "__main__":
    cyclopts.run(main)
