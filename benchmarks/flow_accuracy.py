"""How accurate optical-flow methods are on pairs with truth, by group, beside OpenCV's DIS and Farneback.

    python benchmarks/flow_accuracy.py --scenes FOLDER --scenes KITTI --models run/last.ckpt,flow.onnx --json flow.json

FOLDER holds pairs as frame10.png, frame11.png and flow10.flo (Middlebury; Sintel with occlusions.png and invalid.png);
KITTI is a development kit with flow_occ and flow_noc.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

import cv2
import cyclopts
import numpy as np
from jaxtyping import UInt8
from rich.console import Console
from rich.table import Table

from leadline.classical.flow import FLOW_METHODS, ClassicalFlow
from leadline.errors import InputError
from leadline.loading import load_model
from leadline.maps import FlowMap
from leadline.metrics.flow import FL_ABSOLUTE_PX, endpoint_error, epe, fl, speed_band
from leadline.metrics.paired import paired_difference
from leadline.metrics.uncertainty import roc_auc
from leadline.protocols.flow.scenes import find_flow_scenes
from leadline.results.stereo import write_json
from leadline.samples import FlowSample
from leadline.tasks import TASKS

Method = Callable[[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], FlowMap]

_RIVAL: Final = "dis-medium"
BANDS: Final = {"s0-10": (0.0, 10.0), "s10-40": (10.0, 40.0), "s40+": (40.0, np.inf)}
ABOUT: Final = """\
Every pixel with truth counts ("all"), mean over the pairs of a group. EPE: mean endpoint error. Fl: above 3 px and
above 5 % of the true motion. noc: pixels that both frames show, on pairs that tell them. s0-10, s10-40, s40+: EPE of
pixels that move so far, px. AUC: area under the ROC curve of the confidence as a detector of errors up to 3 px. DIS and
Farneback run both ways; what fails the forward-backward check is filled, unless the name ends in -raw."""


@dataclass(frozen=True)
class Row:
    """One method on one pair.

    Args:
        method: Its name.
        group: Of the pair.
        pair: Its name.
        scores: By metric; a metric that has no pixels on this pair is absent.
    """

    method: str
    group: str
    pair: str
    scores: Mapping[str, float]


def main(
    *,
    scenes: list[Path] | None = None,
    rendered: Path | None = None,
    pairs: int = 50,
    models: str = "",
    threads: int = 2,
    classical: bool = True,
    json: Path | None = None,
) -> None:
    """Scores methods on groups of pairs, and says how each model differs from DIS-medium on the same pairs.

    Args:
        scenes: Folders of pairs with truth.
        rendered: Folder of shards of `leadline render flow`: one more group.
        pairs: How many of its first pairs to take.
        models: ONNX files of ours or checkpoints of `leadline train`, separated by commas.
        threads: Threads of OpenCV and of the networks.
        classical: Whether OpenCV's methods run too.
        json: File for all numbers.
    """
    cv2.setNumThreads(threads)
    names = [name for name in models.split(",") if name]
    if classical:
        names = [*FLOW_METHODS, *(f"{name}-raw" for name in FLOW_METHODS), *names]
    methods = {name: find_method(name, threads) for name in names}
    samples = list(find_pairs(scenes or [], rendered, pairs))
    if not samples or not methods:
        raise InputError(f"expected pairs with truth and at least one method, got {len(samples)} and {len(methods)}")
    rows = [row for group, load in samples for row in score_pair(group, load(), methods)]
    console = Console(width=140)
    for group in dict.fromkeys(row.group for row in rows):
        of = [row for row in rows if row.group == group]
        console.print(group_table(group, of))
        for name in models.split(",") if _RIVAL in methods else ():
            if name:
                console.print(paired_table(group, of, name))
    console.print(ABOUT)
    if json is not None:
        write_json(json, {"rows": [vars(row) | {"scores": dict(row.scores)} for row in rows]})


def find_pairs(
    scenes: Sequence[Path], rendered: Path | None, pairs: int
) -> Iterator[tuple[str, Callable[[], FlowSample]]]:
    """Group and loader of each pair."""
    for folder in scenes:
        for files in find_flow_scenes(folder):
            yield files.group, files.load
    if rendered is not None:
        from leadline.data.flow.shards import FlowShards

        shards = FlowShards(rendered, backward=False)
        for index in range(min(pairs, len(shards))):
            yield "rendered", partial(shards.__getitem__, index)


def find_method(name: str, threads: int) -> Method:
    """A classical method, a graph, or the averaged network of a checkpoint."""
    plain = name.removesuffix("-raw")
    if plain in FLOW_METHODS:
        return ClassicalFlow(plain, fill=plain == name)
    if not name.endswith(".ckpt"):
        return load_model(name, "flow", threads=threads)
    import torch

    from leadline.export.onnx import load_inference
    from leadline.models.method import TorchMethod

    torch.set_num_threads(threads)
    return TorchMethod(name, TASKS["flow"], load_inference(Path(name), "flow").model)


def score_pair(group: str, scene: FlowSample, methods: Mapping[str, Method]) -> list[Row]:
    """All methods on one pair."""
    rows: list[Row] = []
    for name, method in methods.items():
        start = perf_counter()
        found = method(scene.first, scene.second)
        seconds = perf_counter() - start
        rows.append(Row(name, group, scene.key, {**scores(scene, found), "seconds": seconds}))
    return rows


def scores(scene: FlowSample, found: FlowMap) -> dict[str, float]:
    """What can be scored on a pair."""
    error = endpoint_error(found.flow, scene.flow)
    values = {"EPE": epe(error, scene.valid), "Fl %": 100.0 * fl(error, scene.flow, scene.valid)}
    masks = {name: scene.valid & speed_band(scene.flow, *band) for name, band in BANDS.items()}
    if scene.occluded is not None:
        masks["EPE noc"] = scene.valid & ~scene.occluded
        masks["EPE occ"] = scene.valid & scene.occluded
    values |= {name: epe(error, mask) for name, mask in masks.items() if mask.any()}
    wrong = error > FL_ABSOLUTE_PX
    if found.confidence is not None and 0 < wrong[scene.valid].sum() < scene.valid.sum():
        values["AUC"] = roc_auc(wrong, found.confidence, scene.valid)
    return values


def group_table(group: str, rows: Sequence[Row]) -> Table:
    """Means over the pairs of a group, a row a method."""
    metrics = ("EPE", "EPE noc", "EPE occ", "Fl %", *BANDS, "AUC", "seconds")
    pairs = len({row.pair for row in rows})
    table = Table("method", *metrics, title=f"{group}: {pairs} pair{'s' * (pairs > 1)}")
    for method in dict.fromkeys(row.method for row in rows):
        cells: list[str] = []
        for metric in metrics:
            values = [row.scores[metric] for row in rows if row.method == method and metric in row.scores]
            cells.append(f"{np.mean(values):.3g}" if values else "-")
        table.add_row(method, *cells)
    return table


def paired_table(group: str, rows: Sequence[Row], method: str) -> Table:
    """Mean differences of a method from DIS-medium, filled, over the pairs of a group, with their 90 % intervals."""
    table = Table("metric", "pairs", "difference", "90 % interval", "relative", title=f"{group}: {method} - {_RIVAL}")
    for metric in ("EPE", "EPE noc", "EPE occ", "Fl %", *BANDS):
        own, other = ({row.pair: row.scores for row in rows if row.method == name} for name in (method, _RIVAL))
        both = [(own[pair][metric], other[pair][metric]) for pair in own if metric in own[pair]]
        if both:
            found = paired_difference([a for a, _ in both], [b for _, b in both])
            interval = f"{found.low:+.3f} to {found.high:+.3f}"
            table.add_row(metric, str(found.scenes), f"{found.mean:+.3f}", interval, f"{100 * found.relative:+.1f} %")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
