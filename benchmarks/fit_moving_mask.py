"""Weights of the mask of what moves by itself in scene flow, fitted to rendered stereo sequences.

    python benchmarks/fit_moving_mask.py --output src/leadline/runtime/moving_mask.json

A pixel moves if its body moves by itself by 1.5 px and more in the image or in disparity, and stands still if its body
does; others take no part.
"""

import json
from pathlib import Path

import cyclopts
import numpy as np
from scene_flow_accuracy import own_motion_px

from leadline.data.synthetic.scene_flow import render_scene_flow
from leadline.geometry.camera_motion import camera_motion
from leadline.loading import load_model
from leadline.runtime.moving_mask import EVIDENCE, moving_evidence
from leadline.runtime.scene_flow import SURE, carried_back, observed
from leadline.runtime.validity import judged, judged_flow

_MOVES_PX = 1.5
_PIXELS = (3000, 4000)
"""Of each pair: still ones and moving ones."""


def main(
    *,
    output: Path,
    first: tuple[int, ...] = (2000, 4000),
    count: int = 40,
    model: str = "leadline-fast",
    flow_model: str = "dis",
    hidden: int = 16,
    steps: int = 3000,
) -> None:
    """Renders, measures and fits.

    Args:
        output: The file of weights.
        first: Seeds of first pairs.
        count: How many pairs follow from each of them, the first included.
        model: Stereo method.
        flow_model: Flow method.
        hidden: Units of the network.
        steps: Of Adam.
    """
    stereo, flow = load_model(model, "stereo"), load_model(flow_model, "flow")
    rng = np.random.default_rng(0)
    parts = [chosen(*measured(seed, stereo, flow), rng) for start in first for seed in range(start, start + count)]
    numbers, moves = (np.concatenate(part) for part in zip(*parts, strict=True))
    fitted = fit(numbers, moves, hidden, steps)
    output.write_text(json.dumps({"evidence": EVIDENCE, **fitted}) + "\n")


def measured(seed, stereo, flow):
    """Evidence of all pixels of a pair, which of them move, and which stand still."""
    sample, truth = render_scene_flow(seed)
    left, right, next_left, next_right = sample.images
    disparity = judged(stereo(left, right), left, right)
    then = judged(stereo(next_left, next_right), next_left, next_right)
    motion = judged_flow(flow(left, next_left), left, next_left)
    return evidence_of(sample, truth, disparity, then, motion)


def evidence_of(sample, truth, disparity, then, flow):
    """Likewise, of measurements."""
    following = carried_back(then, flow)
    seen = observed(disparity, following, flow)
    known = disparity.valid & following.valid & flow.valid
    sure = known.copy()
    for layer in (disparity, following, flow):
        sure &= layer.confidence >= SURE
    camera = camera_motion(seen.some(sure), sample.rig)
    lefts = sample.images[0], sample.images[2]
    layers = moving_evidence(lefts, seen, (known, flow.valid), then, camera, sample.rig)
    numbers = np.stack([layer.ravel() for layer in layers], axis=1)
    return numbers, (own_motion_px(sample, truth) >= _MOVES_PX).ravel(), ~truth.moving.ravel()


def chosen(numbers, moves, still, rng):
    """Some pixels of either kind."""
    places = [np.flatnonzero(kind) for kind in (still, moves)]
    places = [rng.choice(at, min(most, len(at)), replace=False) for at, most in zip(places, _PIXELS, strict=True)]
    return numbers[np.concatenate(places)], np.repeat([0.0, 1.0], [len(at) for at in places])


def fit(numbers, moves, hidden, steps):
    """The network of least cross-entropy, as lists."""
    import torch

    torch.manual_seed(0)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0) + 1e-3
    x = torch.tensor((numbers - mean) / deviation, dtype=torch.float32)
    y = torch.tensor(moves, dtype=torch.float32)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1))
    optimizer = torch.optim.Adam(net.parameters(), 5e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        at = torch.randint(len(x), (2048,))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x[at])[:, 0], y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    first, second = net[0], net[2]
    arrays = {
        "mean": mean,
        "deviation": deviation,
        "first": first.weight.detach().numpy().T,
        "first_bias": first.bias.detach().numpy(),
        "second": second.weight.detach().numpy()[0],
        "second_bias": second.bias.detach().numpy()[0],
    }
    return {name: np.round(np.asarray(values, float), 4).tolist() for name, values in arrays.items()}


if __name__ == "__main__":
    cyclopts.run(main)
