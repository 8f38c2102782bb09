"""Weights of the confidence of classical flow, fitted to rendered pairs.

    python benchmarks/fit_flow_confidence.py --shards FOLDER

FOLDER holds shards of `leadline render flow`. The weights go into leadline/classical/flow_confidence.py.
"""

from pathlib import Path

import cyclopts
import numpy as np

from leadline.classical.flow import FLOW_METHODS, ClassicalFlow
from leadline.classical.flow_confidence import EVIDENCE, evidence
from leadline.data.flow.shards import FlowShards
from leadline.geometry.image import brightness
from leadline.metrics.flow import endpoint_error

_STEPS = 30
_RIDGE = 1e-3


def main(*, shards: Path, pairs: int = 50, pixels: int = 4000) -> None:
    """Prints the weights of each method.

    Args:
        shards: Folder of shards with true flow.
        pairs: How many pairs, spread evenly over the shards.
        pixels: Pixels of each pair that take part.
    """
    source = FlowShards(shards)
    chosen = [source[int(index)] for index in np.linspace(0, len(source) - 1, min(pairs, len(source)))]
    print("weights of", ", ".join(EVIDENCE))
    for name in FLOW_METHODS:
        rng = np.random.default_rng(0)
        parts = [observed(ClassicalFlow(name), sample, pixels, rng) for sample in chosen]
        layers, right = (np.concatenate(part) for part in zip(*parts, strict=True))
        print(f'"{name}": ({", ".join(f"{weight:.3f}" for weight in logistic(layers, right))}),')


def observed(method, sample, pixels, rng):
    """Evidence and whether the error is below 1 px, at random pixels with truth."""
    frames = [np.rint(255 * brightness(image)).astype(np.uint8) for image in (sample.first, sample.second)]
    layers = evidence(*frames, method.one_way(*frames), method.one_way(*frames[::-1]))
    at = np.flatnonzero(sample.valid)
    at = rng.choice(at, min(pixels, len(at)), replace=False)
    error = endpoint_error(method(*frames).flow, sample.flow)
    return np.column_stack([np.ones(len(at)), *(layer.ravel()[at] for layer in layers)]), error.ravel()[at] < 1.0


def logistic(layers, right):
    """Weights of the most likely logistic function, by Newton's method."""
    weights = np.zeros(layers.shape[1])
    for _ in range(_STEPS):
        share = 1.0 / (1.0 + np.exp(-layers @ weights))
        slope = layers.T @ (share - right) + _RIDGE * weights
        curvature = (layers * (share * (1.0 - share))[:, None]).T @ layers + _RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, slope)
    return weights


if __name__ == "__main__":
    cyclopts.run(main)
