"""Depth and camera motion learned without truth from rendered sequences in which only the camera moves.

    leadline render video --count 200 --seed 20001 --frames 5 --size 160x96 --output rendered/static
    leadline render video --count 40 --seed 900000 --frames 5 --size 160x96 --output rendered/static-validation
    python benchmarks/self_supervised_static.py train rendered/static rendered/static-validation --output runs/static
    python benchmarks/self_supervised_static.py ablate rendered/static rendered/static-validation --output runs/ablation

AbsRel is the mean over the inner frames of the validation's sequences, truth up to 80 m, aligned by the median. It is
compared with what needs no image: one distance, a ramp, and the mean depth of the training's sequences at each pixel.
ATE is the root mean square over a sequence of five frames, with one scale about the first pose, which is laid upon the
true one, in percent of the path's length, mean over the sequences. It is compared with the constant velocity: the
first true motion again and again.
Both commands go on where they were stopped.
"""

import json
import resource
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import cyclopts
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from leadline.classical.trivial_depth import constant_depth, vertical_ramp
from leadline.data.video.augment import VideoAugmentation
from leadline.data.video.shards import SequenceShards
from leadline.geometry.trajectory import inverse_poses
from leadline.maps import DepthMap
from leadline.metrics.depth import abs_rel
from leadline.metrics.pose import absolute_errors_m, align_poses, constant_velocity
from leadline.models.pose import PosePrediction
from leadline.ops import se3_exponential
from leadline.protocols.mono.generic import GENERIC
from leadline.samples import DepthSample, SequenceSample
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.mono.learner import images_of
from leadline.training.run import train
from leadline.training.video.monodepth2 import Monodepth2, Monodepth2Recipe

SIZE: Final = (96, 160)
#: Name of an arm -> what differs from the base.
ARMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "base": {},
    "mean instead of minimum": {"minimum": False},
    "without auto-mask": {"auto_mask": False},
    "without smoothness": {"smoothness_weight": 0.0},
}
BARS: Final = {"abs_rel": 0.75, "ate": 0.5}
"""Of the best trivial predictor, and of the constant velocity."""
RESULT: Final = "result.json"

app = cyclopts.App(help=__doc__)


def recipe_of(data: Path, validation: Path, steps: int, seed: int = 1) -> Monodepth2Recipe:
    """Monodepth2 at a size that a processor can train at."""
    return Monodepth2Recipe(
        model="monodepth",
        model_options={"views": 1},
        data=str(data),
        validation=str(validation),
        seed=seed,
        steps=steps,
        batch_size=4,
        learning_rate=3e-4,
        warmup_steps=min(100, steps // 4),
        decay_steps=max(1, steps // 4),
        weight_decay=0.0,
        ema_decay=0.99,
        epoch_steps=min(50, steps),
        smoothness_weight=0.01,
        augmentation=VideoAugmentation(crop=SIZE, log2_scale=(0.0, 0.1)),
        compile=False,
        workers=0,
        precision="32-true",
    )


@app.command(name="train")
def train_once(data: Path, validation: Path, /, *, output: Path, steps: int = 6000) -> None:
    """Trains with one thread, and compares depth and motion with what is trivial.

    Args:
        data: Shards of `leadline render video --frames 5`.
        validation: Shards of other seeds.
        output: Folder of the run.
        steps: Of four samples each; 6,000 take about 85 minutes of a processor.
    """
    result = measured(recipe_of(data, validation, steps), output)
    print_result(result, trivial(data, validation))


@app.command
def ablate(data: Path, validation: Path, /, *, output: Path, steps: int = 200, seeds: int = 3) -> None:
    """Trains every arm with every seed, and prints means and paired differences from the base.

    Args:
        data: Shards of `leadline render video --frames 5`.
        validation: Shards of other seeds.
        output: Folder of the runs.
        steps: Of each run.
        seeds: How many, from 1 on.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ARMS}
    for seed in range(1, seeds + 1):
        for name, changes in ARMS.items():
            recipe = replace(recipe_of(data, validation, steps, seed), **changes)
            found[name].append(measured(recipe, output / name.replace(" ", "-") / f"seed-{seed}"))
    Console().print(ablation_table(found))
    print_result(found["base"][0], trivial(data, validation))


def measured(recipe: Monodepth2Recipe, output: Path) -> dict[str, float]:
    """Trains if that is not done, scores, and keeps the result beside the checkpoint."""
    place = output / RESULT
    if place.is_file() and json.loads(place.read_text()).get("steps") == recipe.steps:
        return json.loads(place.read_text())
    torch.set_num_threads(1)
    before = _cpu_minutes()
    spent = output / "cpu_minutes.json"
    earlier = json.loads(spent.read_text()) if spent.is_file() else 0.0
    try:
        checkpoint = train(recipe, output, validated=False)
    finally:
        if output.is_dir():
            spent.write_text(json.dumps(earlier + _cpu_minutes() - before))
    scores = scored(recipe, checkpoint)
    result = {**scores, "steps": recipe.steps, "cpu_minutes": json.loads(spent.read_text())}
    place.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _cpu_minutes() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) / 60.0


def scored(recipe: Monodepth2Recipe, checkpoint: Path) -> dict[str, float]:
    """AbsRel of the averaged depth network and ATE of the pose network."""
    learner = Monodepth2(recipe)
    learner.load_state_dict(AtomicCheckpoints().load_checkpoint(checkpoint)["state_dict"])
    learner.eval()
    shards = SequenceShards(str(recipe.validation))
    depth, motion = list[float](), list[float]()
    with torch.no_grad():
        for index in range(len(shards)):
            sequence = shards[index]
            for number in range(1, len(sequence.frames) - 1):
                values, _ = learner.inference(torch.from_numpy(sequence.frames[number].copy()))
                depth.append(depth_error(sequence, number, values.numpy(), "up_to_scale"))
            assert sequence.first_from_frame is not None
            motion.append(ate_percent(poses_of(learner, sequence), sequence.first_from_frame))
    return {"abs_rel": float(np.nanmean(depth)), "ate": float(np.mean(motion))}


def poses_of(learner: Monodepth2, sequence: SequenceSample) -> np.ndarray:
    """Poses of a sequence's frames, camera to the first one's frame: the pose network's motions one after another."""
    assert learner.pose is not None, "only stereo alone has none"
    frames = images_of(torch.from_numpy(np.stack(sequence.frames)))
    said = cast(PosePrediction, learner.pose(frames[:-1], frames[1:]))
    poses = [np.eye(4)]
    for later_from_earlier in se3_exponential(said.twist[:, 0]).double().numpy():
        poses.append(poses[-1] @ inverse_poses(later_from_earlier[None])[0])
    return np.stack(poses)


def ate_percent(poses: np.ndarray, truth: np.ndarray) -> float:
    """ATE with one scale about the first pose, percent of the path's length."""
    length = float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum())
    errors = absolute_errors_m(align_poses(poses, truth, "scale").apply(poses), truth)
    return 100.0 * float(np.sqrt((errors**2).mean())) / length


def depth_error(sequence: SequenceSample, number: int, values: np.ndarray, kind: str) -> float:
    """AbsRel of one frame under the protocol `generic`, aligned by the median; NaN where there is no truth."""
    sample = DepthSample(sequence.key, sequence.frames[number], sequence.depths[number], sequence.camera)
    found = DepthMap(np.asarray(values, np.float32), np.ones(values.shape, bool), cast(Any, kind))
    alignment = "median" if kind == "up_to_scale" else "lsq-disparity"
    pixels = GENERIC.aligned_by(alignment).score_pixels(sample, found, "no-crop", "dense")
    return float("nan") if isinstance(pixels, str) else abs_rel(pixels.depth, pixels.truth, pixels.mask)


def trivial(data: Path, validation: Path) -> dict[str, float]:
    """Scores of what needs no image; one distance and the ramp as depth aligned by the median, as the network is."""
    shards, mean = SequenceShards(validation), mean_depth(data)
    errors: dict[str, list[float]] = {"one distance": [], "ramp": [], "mean depth": []}
    velocity = list[float]()
    for index in range(len(shards)):
        sequence = shards[index]
        image = sequence.frames[0]
        # The ramp begins at 1/50 of its end: its first row would be infinitely far.
        guesses = (1.0 / constant_depth(image).depth, 1.0 / (vertical_ramp(image).depth + 0.02), mean)
        for name, guess in zip(errors, guesses, strict=True):
            for number in range(1, len(sequence.frames) - 1):
                errors[name].append(depth_error(sequence, number, guess, "up_to_scale"))
        assert sequence.first_from_frame is not None
        truth = sequence.first_from_frame
        velocity.append(ate_percent(constant_velocity(truth), truth))
    return {**{name: float(np.nanmean(found)) for name, found in errors.items()}, "ate": float(np.mean(velocity))}


def mean_depth(data: Path) -> np.ndarray:
    """Mean of the logarithm of depth over its median at each pixel of the training's sequences, as depth."""
    shards = SequenceShards(data)
    total, count = np.zeros(shards[0].frames[0].shape[:2]), np.zeros(shards[0].frames[0].shape[:2])
    for index in range(len(shards)):
        for depth in shards[index].depths[1:-1]:
            known = depth.valid & (depth.depth < 80.0)
            if known.any():
                relative = depth.depth / np.median(depth.depth[known])
                total += np.where(known, np.log(np.where(known, relative, 1.0)), 0.0)
                count += known
    return np.exp(total / np.maximum(count, 1.0))


def print_result(result: Mapping[str, float], known: Mapping[str, float]) -> None:
    """The run beside what is trivial, and whether the bars are met."""
    best = min(value for name, value in known.items() if name != "ate")
    table = Table("", "AbsRel", "ATE, % of the path")
    table.add_row("learned", f"{result['abs_rel']:.3f}", f"{result['ate']:.2f}")
    for name, value in known.items():
        if name != "ate":
            table.add_row(name, f"{value:.3f}", "")
    table.add_row("constant velocity", "", f"{known['ate']:.2f}")
    ratios = {"abs_rel": result["abs_rel"] / best, "ate": result["ate"] / known["ate"]}
    table.add_row("learned / best trivial", *(f"{ratio:.2f}" for ratio in ratios.values()))
    table.add_row("bar", *(f"{bar:.2f}" for bar in BARS.values()))
    Console().print(table)
    print(f"{result['steps']:.0f} steps, {result['cpu_minutes']:.1f} minutes of a processor")


def ablation_table(found: Mapping[str, list[dict[str, float]]]) -> Table:
    """Mean over the seeds, and mean and standard deviation of the differences from the base with the same seed."""
    table = Table("", "AbsRel", "difference", "ATE, %", "difference")
    for name, runs in found.items():
        cells = list[str]()
        for score, digits in (("abs_rel", 3), ("ate", 2)):
            values = np.array([run[score] for run in runs])
            difference = values - np.array([run[score] for run in found["base"]])
            spread = f" ± {difference.std(ddof=1):.{digits}f}" if len(runs) > 1 else ""
            cells += [
                f"{values.mean():.{digits}f}",
                "" if name == "base" else f"{difference.mean():+.{digits}f}{spread}",
            ]
        table.add_row(name, *cells)
    return table


if __name__ == "__main__":
    app()
