"""How far a guided flow network's confidence is its own: weights fitted to rendered pairs with truth.

    python benchmarks/fit_flow_belief.py RUN/last.ckpt --rendered FOLDER

The confidence is a logistic function of the network's own logit, of the logit of DIS's confidence, and of how far the
two flows are apart. The weights go into the checkpoint, beside the others. No real image takes part.
"""

from pathlib import Path

import cyclopts
import numpy as np
import torch

from leadline.classical.flow_prior import flow_prior
from leadline.data.flow.shards import FlowShards
from leadline.export.onnx import load_inference
from leadline.metrics.flow import endpoint_error
from leadline.models.flow.leadline_flow import log_distance
from leadline.training.checkpoints import AtomicCheckpoints

_PIXELS = 3000
"""Of each pair."""
_RIGHT_PX = 1.0
_NAMES = ("model.belief", "average.module.belief")


def main(checkpoint: Path, *, rendered: Path, count: int = 40, steps: int = 30) -> None:
    """Measures, fits and writes.

    Args:
        checkpoint: What `leadline train` saved; the weights are put into it.
        rendered: Shards of `leadline render flow`.
        count: How many pairs, evenly out of all.
        steps: Of Newton's method.
    """
    state = AtomicCheckpoints().load_checkpoint(checkpoint)
    for name in _NAMES:
        state["state_dict"].setdefault(name, torch.tensor([1.0, 0.0, 0.0, 0.0]))
        state["state_dict"][name] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    torch.save(state, checkpoint)
    network = load_inference(checkpoint, "flow").model.eval()
    shards, rng = FlowShards(rendered, backward=False), np.random.default_rng(0)
    places = np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int)
    parts = [measured(network, shards[int(place)], rng) for place in places]
    numbers, right = (np.concatenate(part) for part in zip(*parts, strict=True))
    weights = fit(numbers, right, steps)
    print("own, DIS, distance, offset:", weights.round(3).tolist(), "of", len(right), "pixels")
    for name in _NAMES:
        state["state_dict"][name] = torch.tensor(weights, dtype=torch.float32)
    torch.save(state, checkpoint)


def measured(network, sample, rng):
    """Numbers of some pixels of a pair, and which of them are right."""
    prior = torch.from_numpy(flow_prior(sample.first, sample.second)).transpose(0, 1).unsqueeze(0)
    first, second = (
        torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255.0 for frame in (sample.first, sample.second)
    )
    with torch.inference_mode():
        found = network(first, second, prior)
        apart = log_distance(found.flow, prior)
    layers = [layer[0, 0].numpy() for layer in (found.confidence_logit, prior[:, -1:], apart)]
    numbers = np.stack([*layers, np.ones_like(layers[0])], axis=2)
    error = endpoint_error(found.flow[0].permute(1, 2, 0).numpy(), sample.flow)
    places = rng.choice(np.flatnonzero(sample.valid), _PIXELS, replace=False)
    return numbers.reshape(-1, 4)[places].astype(float), (error.ravel()[places] < _RIGHT_PX).astype(float)


def fit(numbers, right, steps):
    """Weights of least cross-entropy, by Newton's method.

    The network's logit and DIS's share one weight: on the pairs that it learned from, the network's own would count for
    more than it is worth on others.
    """
    tied = np.stack([numbers[:, 0] + numbers[:, 1], numbers[:, 2], numbers[:, 3]], axis=1)
    weights = np.zeros(3)
    for _ in range(steps):
        share = 1.0 / (1.0 + np.exp(-tied @ weights))
        slope = tied * (share * (1.0 - share))[:, None]
        weights = weights + np.linalg.solve(tied.T @ slope + 1e-3 * np.eye(3), tied.T @ (right - share))
    return weights[[0, 0, 1, 2]]


if __name__ == "__main__":
    cyclopts.run(main)
