"""What methods learn from rendered video without truth, at one small budget: depth, path, flow and what moves.

    leadline render video --objects moving --views stereo --frames 9 --count 4 --seed 1 --size 96x64 --output sequences
    python benchmarks/self_supervision.py sequences --output runs/self-supervision

Each method learns from the frames of the sequences, whose truth only the scores read. A method that is done is not
trained again, so a run that was stopped goes on where it stopped.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cyclopts
import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional

from leadline.data.video.shards import SequenceShards
from leadline.errors import InputError
from leadline.losses import moving_pixels
from leadline.metrics.pose import absolute_errors_m, align_poses
from leadline.ops import inverse_motion, rigid_flow, se3_exponential
from leadline.results.stereo import write_json
from leadline.samples import SequenceSample
from leadline.training.recipe import learner_type, load_recipe
from leadline.training.run import train
from leadline.training.video.competitive_collaboration import disagreement_px
from leadline.training.video.geonet import residual_motion

ABOUT: Final = """\
Scores are means over the inner frames of all sequences. AbsRel: depth scaled by the median of each frame, all pixels
with truth; moving: of those pixels, what moves by itself. ATE: path of the camera scaled about its first pose, root
mean square over the sequence, as a share of the path's length. EPE: motion towards the next frame, all pixels with
truth; of a method without flow that of depth and camera motion. IoU: what moves by itself, pixels of all frames pooled.
The first row knows nothing: one depth everywhere, no motion, everything moves."""

#: Pixels whose motion differs by so much from the camera's alone are said to move by themselves, px.
MOVES_PX: Final = 1.0
_EVERYONE: Final = frozenset({"depth", "pose", "flow", "mask"})


@dataclass(frozen=True)
class Said:
    """What a method says of a frame.

    Attributes:
        depth: Up to scale.
        next_from_this: Motion of the camera; None if it says none.
        flow: Motion of the pixels to the next frame; None if it says none.
        moving: What moves by itself; None if it does not say.
    """

    depth: Float[Tensor, "h w"]
    next_from_this: Float[Tensor, "4 4"] | None = None
    flow: Float[Tensor, "2 h w"] | None = None
    moving: Bool[Tensor, "h w"] | None = None


def main(
    sequences: Path,
    /,
    *,
    output: Path = Path("runs/self-supervision"),
    methods: str = "sfmlearner,monodepth2,geonet,df-net,competitive-collaboration,loop-net",
    effort: float = 1.0,
    learning_rate: float = 1e-3,
    seed: int = 1,
    threads: int = 1,
) -> None:
    """Trains each method and prints the table.

    Args:
        sequences: Shards of `leadline render video --objects moving`; loop-net needs `--views stereo`.
        output: Folder of checkpoints and results.
        methods: Which, comma-separated.
        effort: All numbers of steps times this.
        learning_rate: Of all methods.
        seed: Of weights and order.
        threads: Of torch.
    """
    torch.set_num_threads(threads)
    samples = list(SequenceShards(str(sequences)))
    rows = {"nothing": _scores(samples, _nothing)}
    for name in methods.split(","):
        result = output / f"{name}.json"
        if not result.is_file():
            write_json(result, _trained(name, sequences, samples, output / name, effort, learning_rate, seed))
        rows[name] = json.loads(result.read_text())
        _show(rows)


def _trained(
    name: str, sequences: Path, samples: list[SequenceSample], folder: Path, effort: float, rate: float, seed: int
) -> dict[str, float]:
    height, width = samples[0].frames[0].shape[:2]
    changes = {key: round(effort * value) if key.endswith("steps") else value for key, value in _PLANS[name].items()}
    steps = int(changes["steps"])
    recipe = load_recipe(
        f"video/{name}",
        {
            **changes,
            **({"photometric": {"warmup_steps": steps // 4}} if name == "loop-net" else {}),
            "data": str(sequences),
            "validation": str(sequences),
            "seed": seed,
            "batch_size": 2,
            "learning_rate": rate,
            "warmup_steps": 10,
            "decay_steps": max(1, steps // 4),
            "epoch_steps": max(1, min(50, steps)),
            "workers": 0,
            "ema_decay": 0.9,
            "augmentation": {
                "crop": [height, width],
                "log2_scale": [0.0, 0.0],
                "photometric": 0.0,
                "flip_columns": 0.0 if name == "loop-net" else 0.5,
            },
        },
    )
    begun = time.process_time()
    checkpoint = train(recipe, folder, validated=False)
    spent = time.process_time() - begun
    torch.manual_seed(seed)
    learner = learner_type(recipe)(recipe).eval()
    learner.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
    with torch.inference_mode():
        scores = _scores(samples, lambda sample, number: _METHODS[name](learner, sample, number))
    return {"steps": steps, "minutes": spent / 60.0, **scores}


#: Steps of each method, and how its recipe differs.
_PLANS: Final[Mapping[str, Mapping[str, float]]] = {
    "sfmlearner": {"steps": 100},
    "monodepth2": {"steps": 100, "smoothness_weight": 0.02},
    "geonet": {"steps": 130, "rigid_steps": 80},
    "df-net": {"steps": 90, "separate_steps": 60},
    "competitive-collaboration": {
        "steps": 190,
        "rigid_steps": 50,
        "flow_steps": 50,
        "mask_steps": 15,
        "competition_steps": 15,
        "collaboration_steps": 10,
        "consensus_px": 0.7,
    },
    "loop-net": {"steps": 60},
}


def _frames(sample: SequenceSample, number: int) -> list[Float[Tensor, "1 3 h w"]]:
    """Target, previous and following frame."""
    images = [sample.frames[each] for each in (number, number - 1, number + 1)]
    return [torch.from_numpy(image).permute(2, 0, 1).float()[None] / 255.0 for image in images]


def _camera(sample: SequenceSample) -> Float[Tensor, "1 3 3"]:
    return torch.from_numpy(sample.camera.matrix).float()[None]


def _rigid(depth: Tensor, sample: SequenceSample, motion: Tensor) -> Tensor:
    return rigid_flow(depth, _camera(sample), motion)[0]


def _nothing(sample: SequenceSample, number: int) -> Said:
    height, width = sample.frames[0].shape[:2]
    everywhere = torch.ones(height, width)
    return Said(everywhere, None, torch.zeros(2, height, width), everywhere > 0)


def _sfmlearner(learner: Any, sample: SequenceSample, number: int) -> Said:
    frames = _frames(sample, number)
    depth, motion = 1.0 / learner.inverse_depths(frames[0])[-1], se3_exponential(learner.pose(*frames).twist)[:, 1]
    return Said(depth[0, 0], motion[0], _rigid(depth, sample, motion)[0])


def _pairwise(learner: Any, sample: SequenceSample, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Depth, camera motion and rigid flow of a method whose pose network sees two frames."""
    target, _, following = _frames(sample, number)
    depth, motion = (
        1.0 / learner.inverse_depths(target)[-1],
        se3_exponential(learner.pose(target, following).twist)[:, 0],
    )
    return depth, motion, _rigid(depth, sample, motion)


def _monodepth2(learner: Any, sample: SequenceSample, number: int) -> Said:
    depth, motion, rigid = _pairwise(learner, sample, number)
    return Said(depth[0, 0], motion[0], rigid[0])


def _df_net(learner: Any, sample: SequenceSample, number: int) -> Said:
    target, _, following = _frames(sample, number)
    depth, motion, rigid = _pairwise(learner, sample, number)
    flow = learner.flow(target, following).flow
    return Said(depth[0, 0], motion[0], flow[0], torch.linalg.vector_norm(flow - rigid, dim=1)[0] > MOVES_PX)


def _geonet(learner: Any, sample: SequenceSample, number: int) -> Said:
    frames = _frames(sample, number)
    depth, motion = 1.0 / learner.inverse_depths(frames[0])[-1], se3_exponential(learner.pose(*frames).twist)[:, 1]
    _, _, rigid, residuals = learner.flows(frames, _camera(sample))
    moved = residual_motion(residuals[-1], rigid.shape[2:])
    return Said(depth[0, 0], motion[0], (rigid + residuals[-1])[1], moved[1, 0] > MOVES_PX)


def _competitive_collaboration(learner: Any, sample: SequenceSample, number: int) -> Said:
    players = learner.players(_frames(sample, number), _EVERYONE, frozenset())
    apart = disagreement_px(players, _camera(sample))
    moving = moving_pixels(players.still_logits[-1], apart, learner.recipe.consensus_px)
    depth = 1.0 / players.inverse_depths[-1]
    return Said(depth[0, 0], players.motions[1][0], players.flows[1].flow[0], moving[0, 0])


def _loop_net(learner: Any, sample: SequenceSample, number: int) -> Said:
    target, _, following = _frames(sample, number)
    right = torch.from_numpy(sample.rights[number]).permute(2, 0, 1).float()[None] / 255.0
    disparity = learner.model(target, right).disparity.float().clamp_min(0.1)
    size = target.shape[2:]
    full = functional.interpolate(disparity, size=size, mode="bilinear", align_corners=False)
    return Said(1.0 / full[0, 0], None, learner.flow(target, following).flow[0])


_METHODS: Final[Mapping[str, Callable[[Any, SequenceSample, int], Said]]] = {
    "sfmlearner": _sfmlearner,
    "monodepth2": _monodepth2,
    "geonet": _geonet,
    "df-net": _df_net,
    "competitive-collaboration": _competitive_collaboration,
    "loop-net": _loop_net,
}


def _scores(samples: list[SequenceSample], ask: Callable[[SequenceSample, int], Said]) -> dict[str, float]:
    whole, inside, epe, ate = [], [], [], []
    both = either = 0
    for sample in samples:
        motions: list[Tensor] = []
        for number in range(1, len(sample.frames) - 1):
            said, truth, moving = ask(sample, number), sample.depths[number], sample.moving[number]
            error = _relative(said.depth.numpy(), truth.depth, truth.valid)
            whole.append(error[truth.valid].mean())
            if (moving & truth.valid).any():
                inside.append(error[moving & truth.valid].mean())
            flow = sample.forward[number]
            if said.flow is not None:
                apart = np.linalg.norm(said.flow.permute(1, 2, 0).numpy() - flow.flow, axis=2)
                epe.append(apart[flow.valid].mean())
            if said.moving is not None:
                found = said.moving.numpy()
                both, either = both + int((found & moving).sum()), either + int((found | moving).sum())
            if said.next_from_this is not None:
                motions.append(said.next_from_this)
        if motions:
            ate.append(_path_error(sample, motions))
    means = {"abs_rel": whole, "abs_rel_moving": inside, "ate_percent": ate, "epe_px": epe}
    scores = {name: float(np.mean(values)) for name, values in means.items() if values}
    return {**scores, "iou": both / either} if either else scores


def _relative(depth: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """|Z - Z*| / Z* after the median of both is made equal."""
    scaled = depth * np.median(truth[valid]) / np.median(depth[valid])
    return np.abs(scaled - truth) / np.where(valid, truth, 1.0)


def _path_error(sample: SequenceSample, motions: list[Tensor]) -> float:
    """Root mean square error of the scaled path over its length, percent."""
    poses = [np.eye(4)]
    for motion in motions:
        poses.append(poses[-1] @ inverse_motion(motion.double()).numpy())
    assert sample.first_from_frame is not None
    truth = sample.first_from_frame[1 : 1 + len(poses)]
    truth = np.linalg.inv(truth[0]) @ truth
    length = float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum())
    found = np.stack(poses)
    try:
        found = align_poses(found, truth, "scale").apply(found)
    except InputError:  # a network that says no motion at all
        found[:, :3, 3] = 0.0
    return 100.0 * float(np.sqrt((absolute_errors_m(found, truth) ** 2).mean())) / length


def _show(rows: Mapping[str, Mapping[str, float]]) -> None:
    table = Table("method", "steps", "CPU min", "AbsRel", "moving", "ATE %", "EPE px", "IoU")
    keys = (("steps", "d"), ("minutes", ".1f"), ("abs_rel", ".3f"), ("abs_rel_moving", ".3f"), ("ate_percent", ".1f"))
    for name, scores in rows.items():
        shown = [
            format(int(scores[key]) if kind == "d" else scores[key], kind) if key in scores else "-"
            for key, kind in (*keys, ("epe_px", ".2f"), ("iou", ".2f"))
        ]
        table.add_row(name, *shown)
    console = Console(width=110)
    console.print(table)
    console.print(ABOUT)


if __name__ == "__main__":
    cyclopts.run(main)
