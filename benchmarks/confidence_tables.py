"""Tables of the confidence benchmark by region and under degradations that both cameras share, and its diagrams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, final

import cv2
import numpy as np
from groups import RENDERED, SceneLoader, scene_progress
from rich.console import Console
from rich.table import Table

from leadline.io.images import write_image
from leadline.metrics.uncertainty import ReliabilityBin, expected_calibration_error, reliability, roc_auc
from leadline.protocols.stereo.confidence import CORRECT_PX, OUTLIER_PX
from leadline.protocols.stereo.evaluate import StereoMethod
from leadline.protocols.stereo.regions import REGIONS, region_masks
from leadline.protocols.stereo.scored import ScoredPixels, score_pixels
from leadline.samples import StereoSample

Pixels = tuple[np.ndarray, np.ndarray]
"""Errors and confidences of one scene's pixels with truth."""
Curves = dict[str, dict[str, tuple[ReliabilityBin, ...]]]
"""Group -> network -> bins."""
Image = np.ndarray
_TABLE_WIDTH: Final = 280
_SIDE_PX: Final = 260
_LEAST_PIXELS: Final = 100


def _rounded(levels: np.ndarray) -> Image:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _blurred(sigma_px: float) -> Callable[[Image, np.random.Generator], Image]:
    return lambda image, rng: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px))


def _moved(kernel: np.ndarray) -> Callable[[Image, np.random.Generator], Image]:
    """Blur by motion: the mean of the image along a line."""
    weights = kernel.astype(np.float32) / kernel.sum()
    return lambda image, rng: np.asarray(cv2.filter2D(image, -1, weights, borderType=cv2.BORDER_REPLICATE))


def _noisy(image: Image, levels: float, rng: np.random.Generator) -> Image:
    return _rounded(image + rng.normal(0.0, levels, image.shape))


DEGRADED: Final[Mapping[str, Callable[[Image, np.random.Generator], Image]]] = {
    "as they are": lambda image, rng: image,
    "blur 1 px": _blurred(1.0),
    "blur 2 px": _blurred(2.0),
    "blur 4 px": _blurred(4.0),
    "blur 8 px": _blurred(8.0),
    "motion 9 px": _moved(np.ones((1, 9))),
    "motion 21 px": _moved(np.ones((1, 21))),
    "motion 21 px, diagonal": _moved(np.eye(21)),
    "blur 4 px, noise 2": lambda image, rng: _noisy(_blurred(4.0)(image, rng), 2.0, rng),
    "noise 4": lambda image, rng: _noisy(image, 4.0, rng),
    "twice as bright, cut": lambda image, rng: _rounded(2.0 * image),
    "4 times as bright, cut": lambda image, rng: _rounded(4.0 * image),
}
"""What both cameras may share: name -> change of an image."""


def reliability_of(scored: Sequence[Pixels]) -> tuple[ReliabilityBin, ...]:
    """Bins over the pixels of all scenes together.

    Args:
        scored: Errors and confidences, scene by scene.
    """
    error, confidence = (np.concatenate(of_scenes) for of_scenes in zip(*scored, strict=True))
    return reliability(error, confidence, np.ones(error.shape, dtype=bool), CORRECT_PX)


@final
@dataclass(frozen=True)
class RegionScores:
    """AUC and ECE by region, scene by scene.

    Args:
        networks: Their names.
    """

    networks: tuple[str, ...]
    _found: dict[tuple[str, str], list[tuple[float | None, float]]] = field(default_factory=dict)

    def add(self, name: str, scene: StereoSample, pixels: ScoredPixels) -> None:
        """Scores one network on one scene.

        Args:
            name: The network.
            scene: With truth.
            pixels: What counts.
        """
        assert pixels.confidence is not None, "only networks with a confidence are scored"
        outlier = pixels.error > OUTLIER_PX
        for region, mask in region_masks(scene).items():
            counted = mask & pixels.mask
            if counted.sum() < _LEAST_PIXELS:
                continue
            both = 0 < outlier[counted].sum() < counted.sum()
            auc = roc_auc(outlier, pixels.confidence, counted) if both else None
            ece = expected_calibration_error(reliability(pixels.error, pixels.confidence, counted, CORRECT_PX))
            self._found.setdefault((name, region), []).append((auc, ece))

    def table(self, group: str) -> Table:
        """Means over scenes.

        Args:
            group: Of the scenes, for the title.
        """
        title = f"{group}: AUC-bad-2, ECE-1px by region, mean over scenes"
        table = Table(title=title, title_justify="left")
        table.add_column("network", no_wrap=True)
        for region in REGIONS:
            table.add_column(region, justify="right")
        for name in self.networks:
            table.add_row(name, *(_means(self._found.get((name, region), [])) for region in REGIONS))
        return table


def _means(found: Sequence[tuple[float | None, float]]) -> str:
    aucs = [auc for auc, _ in found if auc is not None]
    auc = f"{np.mean(aucs):.2f}" if aucs else "-"
    return f"{auc}, {np.mean([ece for _, ece in found]):.3f}" if found else "-"


def print_degraded(networks: Mapping[str, StereoMethod], groups: Mapping[str, Sequence[SceneLoader]]) -> None:
    """Prints what each network claims of degraded images, and what is right.

    Args:
        networks: Name -> network with a confidence.
        groups: Name -> scenes.
    """
    found: dict[tuple[str, str, str], list[tuple[float, float, float, float]]] = {}
    with scene_progress() as progress:
        for group, loaders in groups.items():
            task = progress.add_task(group, total=len(loaders))
            for load in loaders:
                scene = load()
                for change, apply in DEGRADED.items():
                    rng = np.random.default_rng(0)
                    worse = replace(scene, left=apply(scene.left, rng), right=apply(scene.right, rng))
                    for name, network in networks.items():
                        row = _claims(worse, network)
                        if row is not None:
                            found.setdefault((name, change, group), []).append(row)
                progress.advance(task)
    console = Console(width=_TABLE_WIDTH)
    console.print(
        "Each cell: share of the pixels with truth that are claimed right / that are right (error < 1 px); ECE-1px; "
        "AUC-bad-2. Mean over scenes. Both views are changed alike.",
        highlight=False,
    )
    for name in networks:
        console.print(_degraded_table(name, list(groups), found))


def _claims(scene: StereoSample, network: StereoMethod) -> tuple[float, float, float, float] | None:
    """Mean confidence, share of right pixels, ECE and AUC (NaN where it is undefined) of one scene."""
    pixels = score_pixels(scene, network(scene.left, scene.right), "all", "sparse")
    if isinstance(pixels, str) or pixels.confidence is None:
        return None
    error, confidence = pixels.error[pixels.mask], pixels.confidence[pixels.mask]
    everywhere = np.ones(error.shape, dtype=bool)
    outlier = error > OUTLIER_PX
    auc = roc_auc(outlier, confidence, everywhere) if 0 < outlier.sum() < outlier.size else np.nan
    ece = expected_calibration_error(reliability(error, confidence, everywhere, CORRECT_PX))
    return float(confidence.mean()), float((error < CORRECT_PX).mean()), ece, auc


def _degraded_table(
    name: str, groups: Sequence[str], found: Mapping[tuple[str, str, str], list[tuple[float, float, float, float]]]
) -> Table:
    table = Table(title=name, title_justify="left")
    table.add_column("images", no_wrap=True)
    real = [group for group in groups if group not in RENDERED]
    for group in (*groups, "all real scenes"):
        table.add_column(group, justify="right")
    for change in DEGRADED:
        of_group = [found.get((name, change, group), []) for group in groups]
        together = [row for group in real for row in found.get((name, change, group), [])]
        table.add_row(change, *(_cell(rows) for rows in (*of_group, together)))
    return table


def _cell(rows: Sequence[tuple[float, float, float, float]]) -> str:
    if not rows:
        return "-"
    claimed, right, ece, _ = np.mean(rows, axis=0)
    aucs = [auc for *_, auc in rows if np.isfinite(auc)]
    return f"{claimed:.2f}/{right:.2f}; {ece:.3f}; {np.mean(aucs) if aucs else np.nan:.2f}"


def draw_reliability(curves: Curves, path: Path) -> None:
    """Writes a diagram for each group, with a line for each network: share right over confidence.

    Args:
        curves: Bins by group and network.
        path: The image.
    """
    panels = [_panel(group, by_network) for group, by_network in curves.items()]
    write_image(path, np.concatenate(panels, axis=1))


def _panel(title: str, by_network: Mapping[str, Sequence[ReliabilityBin]]) -> Image:
    margin, side = 40, _SIDE_PX
    panel = np.full((side + 2 * margin + 16 * len(by_network), side + 2 * margin, 3), 255, np.uint8)

    def place(x: float, y: float) -> tuple[int, int]:
        return margin + round(x * side), margin + round((1.0 - y) * side)

    cv2.rectangle(panel, place(0, 1), place(1, 0), (160, 160, 160))
    cv2.line(panel, place(0, 0), place(1, 1), (160, 160, 160), 1, cv2.LINE_AA)
    _write(panel, title, (margin, margin - 14))
    _write(panel, "confidence 0 to 1; up: share right", (margin, margin + side + 16))
    colours = ((200, 60, 40), (40, 90, 200), (30, 140, 60), (130, 60, 160))
    for place_of, (name, bins) in enumerate(by_network.items()):
        colour = colours[place_of % len(colours)]
        points = [place(b.confidence, b.correct) for b in bins]
        for first, second in pairwise(points):
            cv2.line(panel, first, second, colour, 2, cv2.LINE_AA)
        for point in points:
            cv2.circle(panel, point, 3, colour, -1, cv2.LINE_AA)
        text = f"{name}, ECE {expected_calibration_error(tuple(bins)):.3f}"
        _write(panel, text, (margin, margin + side + 34 + 16 * place_of), colour)
    return panel


def _write(panel: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (30, 30, 30)) -> None:
    cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
