"""Fits how much the blur of both views must lower a network's confidence: the card's blur_rate and noise.

    python benchmarks/blur_calibration.py my.onnx --scenes FOLDER --scenes KITTI --rendered SHARDS

The network is an ONNX file of ours, which has no correction yet. Motorcycle is always among the scenes. What is fitted
makes the mean confidence of a degraded scene that of its right pixels, in the least squares over scenes and
degradations; the table has the fit on all groups, and on all but each one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path

import cyclopts
import numpy as np
from confidence_tables import DEGRADED
from groups import find_groups, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.loading import load_model
from leadline.protocols.stereo.confidence import CORRECT_PX
from leadline.protocols.stereo.scored import score_pixels
from leadline.runtime.calibration import SHARP_PX
from leadline.runtime.sharpness import edge_blur_px, noise_levels

RATES = np.arange(0.0, 1.51, 0.05)
NOISES = (1.0, 1.3, 1.7, 2.2, 3.0, 4.0, 6.0, 8.0, 12.0)
_PIXELS = 2000


@dataclass(frozen=True)
class Degraded:
    """A network's answer to one degraded scene.

    Args:
        group: Of the scene.
        logits: Of the confidence at some pixels with truth.
        right: Share of the right ones among them.
        octaves: Doublings of the blur beyond that of sharp images.
        noise: Levels.
    """

    group: str
    logits: np.ndarray
    right: float
    octaves: float
    noise: float

    def gap(self, rate: float, noise: float) -> float:
        """Mean confidence less the share of right pixels, after a correction."""
        shift = rate * self.octaves / (1.0 + (self.noise / noise) ** 2)
        return float((1.0 / (1.0 + np.exp(shift - self.logits))).mean()) - self.right


def fitted(found: Sequence[Degraded]) -> tuple[float, float, float]:
    """Rate and noise of the least mean squared gap, and its root.

    Args:
        found: Scenes under degradations.
    """
    pairs = ((float(rate), noise) for rate in RATES for noise in NOISES)
    errors = {(rate, noise): np.mean([one.gap(rate, noise) ** 2 for one in found]) for rate, noise in pairs}
    rate, noise = min(errors, key=lambda pair: errors[pair])
    return rate, noise, float(np.sqrt(errors[rate, noise]))


def main(
    network: Path,
    /,
    *,
    scenes: list[Path] | None = None,
    rendered: Path | None = None,
    pairs: int = 24,
    threads: int = 1,
) -> None:
    """Fits the correction of a network.

    Args:
        network: ONNX file of ours.
        scenes: Folders of scenes with truth, as for `leadline eval stereo`.
        rendered: Folder of shards that `leadline render` wrote.
        pairs: How many rendered pairs to take.
        threads: Of the network.
    """
    method = load_model(network, "stereo", threads=threads)
    found: list[Degraded] = []
    with scene_progress() as progress:
        for group, loaders in find_groups(scenes or [], rendered, pairs).items():
            task = progress.add_task(group, total=len(loaders))
            for load in loaders:
                scene, rng = load(), np.random.default_rng(0)
                for name, change in DEGRADED.items():
                    if "bright" in name:
                        continue
                    left, right = change(scene.left, rng), change(scene.right, rng)
                    pixels = score_pixels(replace(scene, left=left, right=right), method(left, right), "all", "sparse")
                    if isinstance(pixels, str) or pixels.confidence is None:
                        continue
                    places = np.random.default_rng(1).permutation(np.flatnonzero(pixels.mask))[:_PIXELS]
                    sure = np.clip(pixels.confidence.ravel()[places].astype(np.float64), 1e-4, 1.0 - 1e-4)
                    blur = max(min(edge_blur_px(left), edge_blur_px(right)), SHARP_PX)
                    noise = min(noise_levels(left), noise_levels(right))
                    good = float((pixels.error.ravel()[places] < CORRECT_PX).mean())
                    found.append(Degraded(group, np.log(sure / (1.0 - sure)), good, log2(blur / SHARP_PX), noise))
                progress.advance(task)
    Console().print(_table(found))


def _table(found: Sequence[Degraded]) -> Table:
    table = Table(title="blur_rate and noise, root of the mean squared gap", title_justify="left")
    for label in ("groups", "blur_rate", "noise", "gap", "gap without correction"):
        table.add_column(label)
    groups = dict.fromkeys(one.group for one in found)
    parts = {"all": list(found)} | {f"all but {name}": [one for one in found if one.group != name] for name in groups}
    for label, part in parts.items():
        if part:
            rate, noise, gap = fitted(part)
            plain = float(np.sqrt(np.mean([one.gap(0.0, 1.0) ** 2 for one in part])))
            table.add_row(label, f"{rate:.2f}", f"{noise:.1f}", f"{gap:.3f}", f"{plain:.3f}")
    return table


if __name__ == "__main__":
    cyclopts.run(main)
