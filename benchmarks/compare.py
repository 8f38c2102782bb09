"""Published zero-shot figures of stereo networks, beside methods that are measured here in one protocol.

    python benchmarks/compare.py --scenes FOLDER --scenes KITTI --models leadline-fast,net.onnx@hitnet-middlebury

Motorcycle is always among the scenes. The two tables have the same columns, but not the same images: published figures
are over whole benchmarks, measured ones over the scenes given here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cyclopts
from groups import OFFICIAL, SceneLoader, find_groups, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.loading import load_model
from leadline.protocols.stereo.evaluate import StereoMethod, evaluate
from leadline.protocols.stereo.kitti2015 import KITTI2015
from leadline.protocols.stereo.protocol import StereoProtocol, bad_metric

TABLE_WIDTH = 150
COLUMNS = {
    "KITTI 2012": ("D1-all", ("KITTI 2012",)),
    "KITTI 2015": ("D1-all", ("KITTI 2015",)),
    "ETH3D": ("bad-1", ("ETH3D",)),
    "Middlebury": ("bad-2", ("Motorcycle", OFFICIAL)),
}
"""Column -> metric, and the groups of scenes it is measured on."""
PROTOCOL = StereoProtocol(
    name="compare",
    metrics=(*map(bad_metric, (1.0, 2.0)), *KITTI2015.metrics),
    masks=("noc", "all"),
    rules=("dense",),
    averaging="mean-over-scenes",
    source="bad-1 of ETH3D, bad-2 of Middlebury and D1-all of KITTI 2015, averaged over scenes",
)


@dataclass(frozen=True)
class Published:
    """A network's figures in its authors' words.

    Args:
        name: The network.
        figures: Percent, by column of `COLUMNS`.
        cost: Time or work, and on what.
        licence: Of the weights.
        source: Key of `SOURCES`.
    """

    name: str
    figures: dict[str, float]
    cost: str
    licence: str
    source: str


SOURCES = {
    "1": "chart fig2.png of github.com/TomTomTommi/LiteAnyStereo, read off: KITTI within 0.03, ETH3D within 0.1, "
    "Middlebury within 0.2 points; zero-shot; the mask and the scenes are not stated in the repository",
    "2": "readme.md of github.com/NVlabs/Fast-FoundationStereo: 640x480, GPU 3090, checkpoint 23-36-37, 8 iterations",
    "3": "README.md of github.com/junhong-3dv/s2m2: 640x480, RTX 5090, float16; no figure of accuracy as text",
}


def _row(midd: float, eth: float, k15: float, k12: float) -> dict[str, float]:
    return {"KITTI 2012": k12, "KITTI 2015": k15, "ETH3D": eth, "Middlebury": midd}


PUBLISHED = (
    Published("Lite Any Stereo (V1)", _row(7.5, 3.5, 3.88, 3.04), "12.7 ms H200, 193 ms Orin", "MIT", "1"),
    Published("Lite Any Stereo V2-M", _row(5.5, 2.6, 3.61, 2.89), "8.1 ms H200, 101 ms Orin", "MIT", "1"),
    Published("Lite Any Stereo V2-H", _row(3.7, 1.8, 3.31, 2.65), "15.1 ms H200, 344 ms Orin", "MIT", "1"),
    Published(
        "Fast-FoundationStereo", _row(3.7, 1.8, 3.66, 2.91), "27.3 ms H200, 918 ms Orin", "NVIDIA, research only", "1"
    ),
    Published("Fast-FoundationStereo", {}, "49 ms, TensorRT 23 ms", "NVIDIA, research only", "2"),
    Published("S2M2 S", {}, "59.8 pairs a second, TensorRT 124", "CC-BY-NC-4.0", "3"),
)


def main(
    *,
    models: str = "leadline-fast,leadline-accurate,sgbm-3way",
    scenes: list[Path] | None = None,
    threads: int | None = None,
) -> None:
    """Prints what others published, and measures methods on scenes.

    Args:
        models: As for `leadline eval stereo`, folders of predictions excepted; separated by commas.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        threads: Threads of a method; all processors if absent.
    """
    methods: dict[str, StereoMethod] = {name: load_model(name, "stereo", threads=threads) for name in models.split(",")}
    groups = find_groups(scenes or [], None, 0)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(published_table())
    for key, source in SOURCES.items():
        console.print(f"[{key}] {source}", highlight=False, markup=False)
    table = Table(title="measured here, %: noc / all, dense, mean over scenes", title_justify="left")
    table.add_column("method", no_wrap=True)
    found: dict[str, dict[str, str]] = {}
    with scene_progress() as progress:
        for column, (metric, names) in COLUMNS.items():
            loaders = [load for name in names for load in groups.get(name, [])]
            if not loaders:
                continue
            task = progress.add_task(column, total=None)
            found[f"{column}, {metric} ({len(loaders)})"] = measured(loaders, methods, metric)
            progress.update(task, total=1, completed=1)
    for label in found:
        table.add_column(label, justify="right")
    for method in methods:
        table.add_row(method, *(cells[method] for cells in found.values()))
    console.print(table)


def published_table() -> Table:
    """What others published."""
    table = Table(title="published, %", title_justify="left")
    table.add_column("network", no_wrap=True)
    for column, (metric, _) in COLUMNS.items():
        table.add_column(f"{column}, {metric}", justify="right")
    for label in ("cost", "licence of the weights", "source"):
        table.add_column(label)
    for row in PUBLISHED:
        cells = (f"{row.figures[column]:g}" if column in row.figures else "-" for column in COLUMNS)
        table.add_row(row.name, *cells, row.cost, row.licence, f"\\[{row.source}]")
    return table


def measured(loaders: Sequence[SceneLoader], methods: dict[str, StereoMethod], metric: str) -> dict[str, str]:
    """A metric of every method, of the pixels that both cameras see and of all.

    Args:
        loaders: The scenes.
        methods: Name -> method.
        metric: Out of the protocol's.
    """
    report = evaluate((load() for load in loaders), methods, PROTOCOL)

    # A scene that does not say what both cameras see has no score for noc.
    known = {row.mask for row in report.rows if row.metric == metric}

    def cell(method: str) -> str:
        scores = {mask: report.score(method, metric, mask, "dense").value for mask in known}
        return " / ".join(f"{scores[mask]:.1f}" if mask in scores else "-" for mask in PROTOCOL.masks)

    return {method: cell(method) for method in methods}


if __name__ == "__main__":
    cyclopts.run(main)
