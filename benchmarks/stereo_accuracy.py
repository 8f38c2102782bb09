"""How accurate stereo methods are, as a ratio to SGBM, on scenes as they are and as worse cameras would see them.

    python benchmarks/stereo_accuracy.py --scenes FOLDER --scenes KITTI --rendered SHARDS --json accuracy.json

Motorcycle is always among the scenes; FOLDER holds scenes in Middlebury's layout, KITTI is a development kit.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cyclopts
import numpy as np
from groups import REMARKS, RENDERED, SceneLoader, find_groups, scene_progress
from opencv_sample import NAME as SAMPLE
from opencv_sample import opencv_sample
from region_tables import ABOUT as REGIONS_ABOUT
from region_tables import RegionCollector, differences_table, means_table, parse_pairs, region_rows
from rich.console import Console
from rich.progress import TaskID
from rich.table import Table

from leadline.loading import load_model
from leadline.protocols.stereo.evaluate import Observer, StereoMethod, evaluate
from leadline.protocols.stereo.kitti2015 import KITTI2015
from leadline.protocols.stereo.perturbed import PERTURBATIONS, perturb
from leadline.protocols.stereo.protocol import StereoProtocol, avgerr_metric, bad_metric
from leadline.results.stereo import describe_method, versions, write_json

REFERENCE = "sgbm-3way"
CLEAN = "clean"
PERTURBED = "perturbed"
HEADLINE = "EPE"
TABLE_WIDTH = 140

PROTOCOL = StereoProtocol(
    name="stereo-accuracy",
    metrics=(avgerr_metric(HEADLINE), *map(bad_metric, (1.0, 2.0, 4.0)), *KITTI2015.metrics),
    masks=("all",),
    rules=("dense",),
    averaging="mean-over-scenes",
    source="Middlebury stereo evaluation 3 (EPE is its avgerr); D1-all of KITTI 2015, but averaged over scenes",
)
ABOUT = f"""\
{PROTOCOL.name}: every pixel with truth counts, dense rule (where a method has no value, it is an outlier and has the
error of disparity 0), mean over scenes. In brackets: the ratio to {REFERENCE}, which checks left against right and
fills the background; below 1 is better than it. Every method looks for its default range of disparities, but
{SAMPLE}, semi-global matching as OpenCV's own sample sets it, for up to 95 px.
{PERTURBED}: mean over {{count}} perturbations of every scene; the ratio is that of the means.
Source: {PROTOCOL.source}"""

Scores = Mapping[str, Mapping[str, float]]
"""Method -> metric -> value."""


def main(
    *,
    models: str = f"leadline-fast,{REFERENCE},sgbm-hh",
    scenes: list[Path] | None = None,
    rendered: Path | None = None,
    pairs: int = 40,
    perturbations: str = ",".join(PERTURBATIONS),
    compare: str = "",
    json: Path | None = None,
) -> None:
    """Scores methods on groups of scenes.

    Args:
        models: Bundled networks, ONNX files of ours, those of other people as FILE.onnx@CARD, bm, sgbm, sgbm-3way,
            sgbm-hh; separated by commas. SGBM in 3 directions is the reference and always among them, and so is
            OpenCV's sample.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        rendered: Folder of shards that `leadline render` wrote.
        pairs: How many rendered pairs to score.
        perturbations: Names out of `leadline.protocols.stereo.perturbed`, separated by commas; empty for none.
        compare: Methods whose difference by region is told, as FIRST:SECOND, separated by commas; every method with
            the reference if empty.
        json: File for all numbers.
    """
    chosen = [name for name in perturbations.split(",") if name]
    methods: dict[str, StereoMethod] = {
        name: load_model(name, "stereo") for name in dict.fromkeys((*models.split(","), REFERENCE))
    }
    methods[SAMPLE] = opencv_sample
    compared = parse_pairs(compare, list(methods), REFERENCE)
    regions = RegionCollector()
    groups = find_groups(scenes or [], rendered, pairs)
    console = Console(width=max(Console().width, TABLE_WIDTH))
    console.print(ABOUT.format(count=len(chosen)), highlight=False)
    rows: list[dict[str, Any]] = []
    with scene_progress() as progress:
        for group, loaders in groups.items():
            task = progress.add_task(group, total=len(loaders) * (1 + len(chosen)))

            def advance(*_: Any, task: TaskID = task) -> None:
                progress.advance(task)

            def observe(*told: Any, task: TaskID = task, group: str = group) -> None:
                regions.add(group, *told)
                progress.advance(task)

            variants = _score_variants(loaders, methods, chosen, observe, advance)
            rows += _rows(group, len(loaders), variants)
            title = f"{group}, {len(loaders)} scene{'s' * (len(loaders) > 1)}"
            for table in (_summary(title, variants), _per_perturbation(title, variants)):
                table.caption = REMARKS.get(group)
                console.print(table)
    regions.together(RENDERED)
    console.print(REGIONS_ABOUT, highlight=False)
    for group, by_method in regions.scores.items():
        console.print(means_table(group, by_method))
        console.print(differences_table(group, by_method, compared))
    if json is not None:
        write_json(
            json,
            {
                "protocol": PROTOCOL.name,
                "source": PROTOCOL.source,
                "reference": REFERENCE,
                "perturbations": chosen,
                "methods": {name: describe_method(method, name) for name, method in methods.items()},
                "versions": versions(),
                "rows": rows,
                "regions": region_rows(regions.scores),
            },
        )


def _score_variants(
    loaders: Sequence[SceneLoader],
    methods: Mapping[str, StereoMethod],
    perturbations: Sequence[str],
    observe: Observer,
    advance: Observer,
) -> dict[str, Scores]:
    """Scores of the scenes as they are, under each perturbation, and their mean over the perturbations."""
    variants = {CLEAN: _scores(loaders, methods, observe)}
    for name in perturbations:
        changed = [lambda load=load, name=name: perturb(load(), name) for load in loaders]
        variants[name] = _scores(changed, methods, advance)

    if not perturbations:
        return variants

    def mean_of(method: str, metric: str) -> float:
        return float(np.mean([variants[name][method][metric] for name in perturbations]))

    mean = {
        method: {metric: mean_of(method, metric) for metric in scores} for method, scores in variants[CLEAN].items()
    }
    return {**variants, PERTURBED: mean}


def _scores(loaders: Sequence[SceneLoader], methods: Mapping[str, StereoMethod], observe: Observer) -> Scores:
    report = evaluate((load() for load in loaders), methods, PROTOCOL, observe)
    return {
        method: {metric.name: report.score(method, metric.name, "all", "dense").value for metric in PROTOCOL.metrics}
        for method in methods
    }


def _ratio(scores: Scores, method: str, metric: str) -> float | None:
    """Of a value to the reference's; None where the reference is perfect."""
    reference = scores[REFERENCE][metric]
    return scores[method][metric] / reference if reference > 0.0 else None


def _rows(group: str, scenes: int, variants: Mapping[str, Scores]) -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "scenes": scenes,
            "variant": variant,
            "method": method,
            "metric": metric.name,
            "unit": metric.unit,
            "value": scores[method][metric.name],
            "ratio": _ratio(scores, method, metric.name),
        }
        for variant, scores in variants.items()
        for method in scores
        for metric in PROTOCOL.metrics
    ]


def _cell(scores: Scores, method: str, metric: str) -> str:
    ratio = _ratio(scores, method, metric)
    return f"{scores[method][metric]:.3g} ({'-' if ratio is None else f'{ratio:.2f}'})"


def _summary(title: str, variants: Mapping[str, Scores]) -> Table:
    table = Table(title=f"{title}: all, dense, mean over scenes", title_justify="left", caption_justify="left")
    for label in ("images", "method"):
        table.add_column(label, no_wrap=True)
    for metric in PROTOCOL.metrics:
        table.add_column(f"{metric.name} {metric.unit}", justify="right")
    for variant in [name for name in (CLEAN, PERTURBED) if name in variants]:
        for method in variants[variant]:
            cells = (_cell(variants[variant], method, metric.name) for metric in PROTOCOL.metrics)
            table.add_row(variant, method, *cells)
        table.add_section()
    return table


def _per_perturbation(title: str, variants: Mapping[str, Scores]) -> Table:
    table = Table(title=f"{title}: {HEADLINE} px", title_justify="left", caption_justify="left")
    table.add_column("images", no_wrap=True)
    for method in variants[CLEAN]:
        table.add_column(method, justify="right")
    for variant, scores in variants.items():
        table.add_row(variant, *(_cell(scores, method, HEADLINE) for method in scores))
    return table


if __name__ == "__main__":
    cyclopts.run(main)
