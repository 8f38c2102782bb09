"""Stereo pairs a second by engine and number of workers.

    python benchmarks/rendering_rate.py --engines processes ray --workers 1 2 --pairs 24

A rate counts from the moment at which every worker has rendered its first pair: before it, a worker imports the
renderer and builds its textures, which takes seconds once. "core s / pair" is the time of a worker's core, which a busy
machine does not change.
"""

import argparse
import os
import time

from rich.console import Console
from rich.table import Table

from leadline.data.engine import run_tasks
from leadline.data.synthetic.stereo import render_stereo


def render(seed: int) -> tuple[int, float, float]:
    """Number of the process, its core's seconds for the pair of a seed, and when it was done."""
    before = time.process_time()
    render_stereo(seed)
    return os.getpid(), time.process_time() - before, time.monotonic()


def rate(rows: list[tuple[int, float, float]]) -> tuple[float, float]:
    """Pairs a second once all workers are warm, and a core's seconds for one of them.

    Args:
        rows: Process, core's seconds and end of each pair, in the order of the ends.
    """
    known = list(dict.fromkeys(process for process, _, _ in rows))
    warm = max(next(i for i, row in enumerate(rows) if row[0] == process) for process in known)
    later = rows[warm + 1 :]
    return len(later) / (later[-1][2] - rows[warm][2]), sum(row[1] for row in later) / len(later)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", nargs="+", default=["processes", "ray"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--pairs", type=int, default=24)
    options = parser.parse_args()
    table = Table("engine", "workers", "pairs / s", "core s / pair")
    for engine in options.engines:
        for workers in options.workers:
            rows = sorted(run_tasks(render, range(1, options.pairs + 1), workers, engine), key=lambda row: row[2])
            speed, core = rate(rows)
            table.add_row(engine, str(workers), f"{speed:.3f}", f"{core:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
