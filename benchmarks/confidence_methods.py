"""Four ways to train a confidence, on the same frozen network: cross-entropy, Laplace, Gaussian and Ajna.

    leadline render stereo --count 144 --seed 30001 --output rendered/heads
    python benchmarks/confidence_methods.py --rendered rendered/heads --scenes FOLDER --scenes KITTI

The disparities and features are those of the bundled leadline-fast. Each method trains a head of the same form, from
the same start, on the same crops in the same order; all are then recalibrated alike, by a slope and an offset of the
logit on rendered pairs that the heads did not see. Motorcycle is always among the scenes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cyclopts
import numpy as np
import torch
from groups import RENDERED, find_groups
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from leadline.data.stereo.shards import StereoShards
from leadline.losses import ajna, gaussian_nll, laplacian_nll
from leadline.losses.supervised import confidence_cross_entropy
from leadline.maps import DisparityMap
from leadline.metrics.uncertainty import expected_calibration_error, reliability, roc_auc, sparsification
from leadline.models.from_onnx import from_onnx
from leadline.protocols.stereo.confidence import CORRECT_PX, OUTLIER_PX
from leadline.runtime.card import bundled_cards
from leadline.samples import StereoSample

_CROP: Final = (256, 384)
_BATCH: Final = 4
_PIXELS: Final = 20_000
"""Of a scene, drawn at random for the fit and the scores."""
Layer = tuple[Tensor, Tensor, Tensor]
"""Features at 1/2, error in px and weight at full size, each with a leading axis of length 1."""


@dataclass(frozen=True)
class Way:
    """One way to train a confidence.

    Args:
        loss: Of the head's output, the error, and the weight.
        score: Of the output: rises with the certainty.
        probability: P(|error| < 1 px) that the output stands for by itself.
    """

    loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    score: Callable[[Tensor], Tensor]
    probability: Callable[[Tensor], Tensor]


def _spread(output: Tensor) -> Tensor:
    return functional.softplus(output).clamp_min(1e-6)


def _of(loss: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A loss that takes prediction and truth, of the error alone."""
    return lambda output, error, weight: loss(error, torch.zeros_like(error), output, weight)


WAYS: Final[Mapping[str, Way]] = {
    "cross-entropy of |e| < 1 px": Way(
        lambda output, error, weight: confidence_cross_entropy(output, error, torch.zeros_like(error), weight),
        lambda output: output,
        torch.sigmoid,
    ),
    "Laplace likelihood": Way(
        _of(laplacian_nll), lambda output: -output, lambda output: 1.0 - torch.exp(-torch.exp(-output))
    ),
    "Gaussian likelihood": Way(
        _of(gaussian_nll), lambda output: -output, lambda output: torch.erf(torch.exp(-output) / 2.0**0.5)
    ),
    # At its optimum the spread is the root of the mean error.
    "Ajna": Way(
        _of(ajna), lambda output: -_spread(output).log(), lambda output: 1.0 - torch.exp(-1.0 / _spread(output) ** 2)
    ),
}


@torch.inference_mode()
def seen_by(network: nn.Module, scene: StereoSample) -> Layer:
    """What the frozen network gives to its head for one pair, and how wrong it is.

    Args:
        network: As `from_onnx` gives it.
        scene: With truth.
    """
    caught: list[Tensor] = []
    head = network.get_submodule("model.refinement.confidence")
    hook = head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    disparity, _ = network(*(torch.from_numpy(np.ascontiguousarray(view)) for view in (scene.left, scene.right)))
    hook.remove()
    assert scene.truth is not None, "only scenes with truth are taken"
    known = torch.from_numpy(scene.truth.valid)
    truth = torch.where(known, torch.from_numpy(scene.truth.disparity), disparity)
    return caught[0].half(), (disparity - truth)[None, None], known.float()[None, None]


def at_full(head: nn.Module, features: Tensor, size: tuple[int, int]) -> Tensor:
    """A head's output at the size of the images."""
    output = functional.interpolate(head(features.float()), scale_factor=2.0, mode="bilinear", align_corners=False)
    return output[:, :, : size[0], : size[1]]


def train_heads(cached: Sequence[Layer], width: int, steps: int) -> dict[str, nn.Module]:
    """A head for each way, from the same start, on the same crops.

    Args:
        cached: Of rendered crops.
        width: Channels of the features.
        steps: Of four crops each.
    """
    heads: dict[str, nn.Module] = {}
    for name, way in WAYS.items():
        torch.manual_seed(0)
        head = nn.Sequential(nn.Conv2d(width, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1))
        optimiser = torch.optim.Adam(head.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
        order = np.random.default_rng(0)
        for _ in range(steps):
            chosen = [cached[index] for index in order.integers(0, len(cached), _BATCH)]
            features, error, weight = (torch.cat(layers) for layers in zip(*chosen, strict=True))
            output = at_full(head, features, (error.shape[2], error.shape[3]))
            optimiser.zero_grad()
            way.loss(output, error, weight).backward()
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        heads[name] = head.eval()
        print(f"trained: {name}", flush=True)
    return heads


@torch.inference_mode()
def outputs_of(head: nn.Module, layer: Layer) -> tuple[Tensor, np.ndarray]:
    """A head's output and the absolute error at some pixels with truth."""
    features, error, weight = layer
    output = at_full(head, features, (error.shape[2], error.shape[3]))
    places = np.flatnonzero(weight.numpy().ravel() > 0)
    chosen = np.random.default_rng(0).permutation(places)[:_PIXELS]
    return output.flatten()[chosen], error.abs().flatten()[chosen].numpy().astype(np.float64)


def fitted(way: Way, head: nn.Module, held_out: Sequence[Layer]) -> tuple[float, float]:
    """Slope and offset of the logit that are likeliest on pairs the head did not see."""
    found = [outputs_of(head, layer) for layer in held_out]
    scores = torch.cat([way.score(output) for output, _ in found]).double()
    right = torch.from_numpy(np.concatenate([error for _, error in found]) < CORRECT_PX).double()
    numbers = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([numbers], max_iter=50)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(numbers[0] * scores + numbers[1], right)
        loss.backward()
        return loss

    optimiser.step(closure)
    slope, offset = numbers.detach().tolist()
    return slope, offset


def main(
    *,
    rendered: Path,
    scenes: list[Path] | None = None,
    pairs: int = 120,
    held_out: int = 24,
    steps: int = 300,
    threads: int = 1,
) -> None:
    """Trains the heads, and scores them on scenes.

    Args:
        rendered: Folder of shards that `leadline render stereo` wrote.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        pairs: Rendered pairs to train on.
        held_out: Further ones, for the recalibration.
        steps: Of training, for each way.
        threads: Of torch.
    """
    torch.set_num_threads(threads)
    network = from_onnx(bundled_cards()["leadline-fast"].path).eval()
    shards = StereoShards(rendered, right_truth=False)
    cached = [seen_by(network, sample) for sample in _crops(shards, pairs + held_out)]
    heads = train_heads(cached[held_out:], int(cached[0][0].shape[1]), steps)
    lines = {name: fitted(way, heads[name], cached[:held_out]) for name, way in WAYS.items()}
    groups = {name: loaders for name, loaders in find_groups(scenes or [], None, 0).items() if name not in RENDERED}
    found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for group, loaders in groups.items():
        for load in loaders:
            layer = seen_by(network, load())
            for name, way in WAYS.items():
                found.setdefault((name, group), []).append(_scores(way, heads[name], lines[name], layer))
    Console(width=200).print(_table(list(groups), found, lines))


def _crops(shards: StereoShards, count: int) -> Iterator[StereoSample]:
    """The middle of the first pairs."""
    rows, columns = _CROP
    for index in range(min(count, len(shards))):
        sample = shards[index]
        top, first = (max(side - part, 0) // 2 for side, part in zip(sample.left.shape, _CROP, strict=False))
        part = np.s_[top : top + rows, first : first + columns]
        assert sample.truth is not None, "rendered pairs have truth"
        truth = DisparityMap(sample.truth.disparity[part], sample.truth.valid[part])
        yield StereoSample(sample.key, sample.left[part], sample.right[part], truth)


def _scores(way: Way, head: nn.Module, line: tuple[float, float], layer: Layer) -> tuple[float, ...]:
    """AUC, AUSE, ECE of the output's own probability, and of the recalibrated one, on one scene."""
    output, error = outputs_of(head, layer)
    score = way.score(output).double()
    own = way.probability(output).clamp(0.0, 1.0).numpy()
    mended = torch.sigmoid(line[0] * score + line[1]).numpy()
    everywhere = np.ones(error.shape, dtype=bool)
    eces = [expected_calibration_error(reliability(error, shown, everywhere, CORRECT_PX)) for shown in (own, mended)]
    auc = roc_auc(error > OUTLIER_PX, mended, everywhere)
    return auc, sparsification(error, mended, everywhere).ause, *eces


def _table(
    groups: Sequence[str],
    found: Mapping[tuple[str, str], list[tuple[float, ...]]],
    lines: Mapping[str, tuple[float, float]],
) -> Table:
    title = "AUC-bad-2, AUSE px, ECE-1px before and after recalibration; mean over scenes"
    table = Table(title=title, title_justify="left")
    table.add_column("confidence", no_wrap=True)
    for group in (*groups, "all real scenes"):
        table.add_column(group, justify="right")
    table.add_column("slope, offset", justify="right")
    for name in WAYS:
        of_groups = [found[name, group] for group in groups]
        together = [row for rows in of_groups for row in rows]
        cells = ("{:.3f}, {:.3f}, {:.3f}, {:.3f}".format(*np.mean(rows, axis=0)) for rows in (*of_groups, together))
        table.add_row(name, *cells, "{:.2f}, {:.2f}".format(*lines[name]))
    return table


if __name__ == "__main__":
    cyclopts.run(main)
