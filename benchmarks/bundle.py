"""Turns a finished training run into a bundled model: ONNX file and card, scored by leadline's own protocols.

    python benchmarks/bundle.py RUN --name leadline-fast --data "leadline render stereo --count 3000" --scenes FOLDER

RUN is the output folder of `leadline train`; FOLDER holds real scenes with truth, as for `leadline eval stereo`, or
`leadline eval mono` where the network is for single images.
"""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cyclopts
import torch
from flow_accuracy import score_pair
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from leadline.classical import ClassicalStereo
from leadline.classical.flow import ClassicalFlow
from leadline.classical.trivial_depth import constant_depth, vertical_ramp
from leadline.export.onnx import export_network, load_inference
from leadline.lazy import load_attribute
from leadline.models.checkpoint import averaged_weights
from leadline.protocols.flow.scenes import find_flow_scenes
from leadline.protocols.mono.evaluate import DepthMethod, evaluate_depth
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.scenes import find_depth_scenes
from leadline.protocols.stereo.evaluate import evaluate
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.protocols.stereo.scenes import load_scenes
from leadline.runtime import MonoSession, StereoMethod, StereoSession
from leadline.runtime.card import ModelCard
from leadline.runtime.flow import FlowSession
from leadline.runtime.refine import RefinedMatcher
from leadline.samples import StereoSample
from leadline.tasks import Task, task_of_method
from leadline.training.run import CHECKPOINT_NAME, LOGS_NAME

BUNDLED = Path(__file__).parents[1] / "src" / "leadline" / "runtime" / "bundled"
PATHS = ("data", "validation", "scenes", "prior")
CONFIDENCE_BIAS = "model.refinement.confidence.1.bias"
METRICS = ("AbsRel", "delta<1.25")


@dataclass(frozen=True)
class Bundling:
    """What a card says of a task's networks, and who scores them."""

    summary: str
    limits: tuple[str, ...]
    scores: Callable[[Path, Iterable[Path]], list[dict[str, Any]]]
    guide: str = ", guided by SGBM-3WAY"


@dataclass(frozen=True)
class Exported:
    """A network as its users call it, written as a graph."""

    task: Task
    inference: nn.Module
    parity: float

    @property
    def max_disparity(self) -> int:
        return getattr(self.inference, "max_disparity", 0)

    @property
    def enlarge(self) -> float:
        return float(getattr(self.inference, "enlarge", 1.0))

    def gflop(self) -> float:
        """Of one pass at 640x480."""
        example = load_attribute(self.task.export).example(self.inference, 480, 640)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            self.inference(*(torch.from_numpy(layer) for layer in example.values()))
        return round(counter.get_total_flops() / 1e9, 2)


def exported(checkpoint: Path, weights: Path, enlarge: float | None, guided: bool, confidence_shift: float) -> Exported:
    """Writes the averaged network of a checkpoint."""
    task = task_of_method(averaged_weights(checkpoint)[0].get("method"))
    inference = load_inference(checkpoint, task.name, enlarge, guided)
    if confidence_shift:
        with torch.no_grad():
            inference.get_parameter(CONFIDENCE_BIAS).add_(confidence_shift)
    return Exported(task, inference, export_network(inference, task.name, weights))


def main(
    run: Path,
    *,
    name: str,
    data: str,
    scenes: list[Path],
    note: list[str] | None = None,
    began_with: Path | None = None,
    earlier_card: Path | None = None,
    enlarge: float | None = None,
    unguided: bool = False,
    confidence_shift: float = 0.0,
    blur_rate: float = 0.0,
    blur_noise: float = 1.0,
    output: Path = BUNDLED,
) -> None:
    """Exports, scores and describes the network of a run.

    Args:
        run: Output folder of `leadline train`.
        name: Name of the model.
        data: The command that makes the training data, for the card.
        scenes: Folders of real scenes with truth.
        note: What else the card should say about the run.
        began_with: Checkpoint whose weights the run began with; its steps and hours count as well.
        earlier_card: Card whose curve led to that checkpoint.
        enlarge: How much larger the network sees images, instead of the recipe's value.
        unguided: Leave out what a stereo network has learned of being guided by a matcher.
        confidence_shift: Added to the logit of a stereo network's confidence, to calibrate it.
        blur_rate: How much blur of both views lowers the confidence, as `blur_calibration.py` fits it.
        blur_noise: Likewise.
        output: Where the ONNX file and the card go.
    """
    weights = output / f"{name}.onnx"
    made = exported(run / CHECKPOINT_NAME, weights, enlarge, not unguided, confidence_shift)
    bundling = BUNDLINGS[made.task.name]
    guided = bool(getattr(made.inference, "guided", False))
    card = ModelCard(
        name=name,
        summary=bundling.summary.format(enlarge=made.enlarge, guided=bundling.guide * guided),
        licence="Apache-2.0",
        weights=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        task=made.task.name,
        max_disparity=made.max_disparity,
        enlarge=made.enlarge,
        parameters=sum(p.numel() for p in made.inference.parameters()),
        gflop=made.gflop(),
        training={**_training(run, began_with, data), "notes": note or [], "parity": round(made.parity, 5)},
        curve=_joined(earlier_card, began_with, _curve(run)),
        scores=bundling.scores(weights, scenes),
        limits=list(bundling.limits),
        confidence={"blur_rate": blur_rate, "noise": blur_noise} if blur_rate else {},
    )
    (output / f"{name}.json").write_text(card.to_json())
    for score in card.scores:
        print(score)


def _training(run: Path, began_with: Path | None, data: str) -> dict[str, Any]:
    state = _checkpoint(run / CHECKPOINT_NAME)
    recipe = {key: value for key, value in state["hyper_parameters"]["recipe"].items() if key not in PATHS}
    steps, hours = _spent(state)
    earlier_steps, earlier_hours = (0, 0.0) if began_with is None else _spent(_checkpoint(began_with))
    return {
        "recipe": recipe,
        "data": data,
        "steps": earlier_steps + steps,
        "hours": round(earlier_hours + hours, 2),
        "processor": f"{torch.get_num_threads()} threads, {platform.machine()}",
        "torch": torch.__version__,
    }


def _checkpoint(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)


def _spent(state: dict[str, Any]) -> tuple[int, float]:
    """Steps and hours behind a checkpoint."""
    timer = state["callbacks"]["Timer"]["time_elapsed"]
    return state["global_step"], (timer["train"] + timer.get("validate", 0.0)) / 3600.0


def _curve(run: Path) -> list[dict[str, Any]]:
    """Validation scores at every validation, with the mean training loss since the one before."""
    logs = EventAccumulator(str(run / LOGS_NAME), size_guidance={"scalars": 0})
    logs.Reload()
    tags = [tag for tag in logs.Tags()["scalars"] if "/" in tag and not tag.startswith("train/")]
    points: dict[int, dict[str, Any]] = {}
    for tag in sorted(tags):
        for event in logs.Scalars(tag):
            points.setdefault(event.step + 1, {})[tag] = round(event.value, 4)
    losses = {event.step + 1: event.value for event in logs.Scalars("train/loss")}
    curve, start = [], 0
    for step, scores in sorted(points.items()):
        since = [loss for at, loss in losses.items() if start < at <= step]
        loss = round(sum(since) / len(since), 4) if since else None
        curve.append({"step": step, "train/loss": loss, **scores})
        start = step
    return curve


def _joined(card: Path | None, began_with: Path | None, curve: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The curve up to the checkpoint that the run began with, and this run's, whose steps are counted on."""
    before = 0 if began_with is None else _spent(_checkpoint(began_with))[0]
    earlier = [] if card is None else json.loads(card.read_text())["curve"]
    went_on = [{**point, "step": before + point["step"]} for point in curve]
    return [point for point in earlier if point["step"] <= before] + went_on


def _stereo_scores(weights: Path, folders: Iterable[Path]) -> list[dict[str, Any]]:
    return _scores(StereoSession(weights), folders)


def _refine_scores(weights: Path, folders: Iterable[Path]) -> list[dict[str, Any]]:
    return _scores(RefinedMatcher(model=weights), folders)


def _scores(network: StereoMethod, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Beside SGBM."""
    groups: dict[str, list[StereoSample]] = {"motorcycle": [motorcycle()[0]]}
    groups.update({folder.resolve().name: list(load_scenes(folder)) for folder in folders})
    methods: dict[str, StereoMethod] = {"network": network, "sgbm-3way": ClassicalStereo("sgbm-3way")}
    rows: list[dict[str, Any]] = []
    for group, scenes in groups.items():
        report = evaluate(scenes, methods, MIDDLEBURY2014)
        for method in methods:
            scores = {metric: report.score(method, metric, "all", "dense").value for metric in ("bad-2", "avgerr")}
            rows.append(
                {
                    "group": group,
                    "scenes": len(scenes),
                    "method": method,
                    "mask": "all",
                    "rule": "dense",
                    "protocol": "middlebury2014",
                    **{key: round(value, 3) for key, value in scores.items()},
                }
            )
    return rows


def _mono_scores(weights: Path, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Against the trivial predictors, which set the bar."""
    methods: dict[str, DepthMethod] = {
        "network": MonoSession(weights),
        "constant": constant_depth,
        "ramp": vertical_ramp,
    }
    rows: list[dict[str, Any]] = []
    for folder in folders:
        files = find_depth_scenes(folder)
        report = evaluate_depth((entry.load() for entry in files), methods, GENERIC, "lsq-disparity")
        for method in methods:
            scores = {metric: report.score(method, metric, "no-crop", "dense").value for metric in METRICS}
            rows.append(
                {
                    "group": folder.resolve().name,
                    "scenes": len(files),
                    "method": method,
                    "protocol": "generic",
                    "alignment": "lsq-disparity",
                    **{key: round(value, 4) for key, value in scores.items()},
                }
            )
    return rows


def _flow_scores(weights: Path, folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Beside DIS."""
    methods = {"network": FlowSession(weights), "dis-medium": ClassicalFlow("dis-medium")}
    found = [
        row
        for folder in folders
        for files in find_flow_scenes(folder)
        for row in score_pair(files.group, files.load(), methods)
    ]
    rows: list[dict[str, Any]] = []
    for group in dict.fromkeys(row.group for row in found):
        for method in methods:
            scores = [row.scores for row in found if (row.group, row.method) == (group, method)]
            means = {
                metric: round(sum(told) / len(told), 3)
                for metric in ("EPE", "Fl %", "AUC")
                if (told := [score[metric] for score in scores if metric in score])
            }
            about = {
                "group": group,
                "scenes": len(scores),
                "method": method,
                "mask": "all",
                "rule": "dense, mean over pairs",
            }
            rows.append({**about, **means})
    return rows


BUNDLINGS = {
    "stereo": Bundling(
        "Stereo by correlation at 1/4, a gated 2D hourglass, a choice of candidates and a residual at 1/2, on "
        "images of {enlarge:g} times their size{guided}.",
        (
            "Trained on rendered scenes only: glass, mirrors, foliage against the sky and motion blur are not in "
            "its data.",
            "Expects a rectified pair; vertical offsets beyond about 2 px spoil it (run `leadline check`).",
            "Disparities beyond its range go through an image pyramid and are coarser at thin things.",
        ),
        _stereo_scores,
    ),
    "mono": Bundling(
        "Inverse depth from one image up to scale and shift: EfficientNet-Lite0 and a narrow decoder.",
        (
            "Trained on rendered rooms, desks, corridors, streets and landscapes only, from an encoder of ImageNet: "
            "people, animals, water, mirrors and images of images are not in its data.",
            "Inverse depth has unknown scale and shift: no metres and no point cloud before `--scale-from`.",
            "Works at about 256x192 pixels: what is thinner than about 4 of those pixels is lost.",
        ),
        _mono_scores,
    ),
    "refine": Bundling(
        "Mends SGBM's disparity or any other: a U-Net at 1/2 that sees how well each candidate matches.",
        (
            "Trained on rendered scenes only: glass, mirrors, foliage against the sky and motion blur are not in "
            "its data.",
            "What lies beyond the matcher's range of disparities stays wrong, if less so: give it the right range.",
            "Expects a rectified pair; vertical offsets beyond about 2 px spoil it (run `leadline check`).",
        ),
        _refine_scores,
    ),
    "flow": Bundling(
        "Optical flow by global matching at 1/16 and look-ups at 1/8 and 1/4{guided}.",
        (
            "Trained on rendered scenes only: water, smoke, people and heavy motion blur are not in its data.",
            "What both classical flow and its own matching miss, such as fast and small things, stays wrong.",
            "Frames of more than 1.2 megapixels are matched at that size.",
        ),
        _flow_scores,
        ", choosing between them and DIS-medium, DIS at half size and the flow of a scene that stands still",
    ),
}


if __name__ == "__main__":
    cyclopts.run(main)
