"""How well `leadline mine` does on a film whose truth is known: shots found, shots refused, errors of disparity.

    python benchmarks/mining.py --model leadline-accurate

The film is made here: rendered shots with known disparity, some with subtitles, some with crooked rows, one with both
views the same, one with exchanged views, black frames and credits, half side by side, compressed with H.264.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import cyclopts
import numpy as np
from rich.console import Console
from rich.table import Table

from leadline.data.mono.shards import DepthShards
from leadline.data.movies.mine import MineRequest, mine_films
from leadline.data.movies.options import MineOptions
from leadline.data.movies.report import write_report
from leadline.data.synthetic.film import FilmForm, FilmShot, RenderedShot, ShotKind, render_shots, write_stereo_film
from leadline.loading import load_signed_matcher
from leadline.maps import DisparityMap

KINDS: tuple[ShotKind, ...] = (
    *("stereo", "stereo", "black", "subtitled", "stereo", "mono", "stereo", "misaligned", "stereo", "swapped"),
    *("stereo", "subtitled", "stereo", "misaligned", "stereo", "stereo", "stereo", "stereo", "subtitled", "credits"),
)
GOOD = ("stereo", "subtitled", "misaligned")
BEHIND = (0.3, 0.5, 0.0, 0.8)
BAD_PX = 3.0
BARS = {"shots found": 0.95, "median error, px": 1.0, "errors above 3 px": 0.02}
NEAR_FRAMES = 1
"""A cut is found if one is told within so many frames."""


@dataclass
class Scores:
    """Figures of a mined film.

    Args:
        found: Shots whose both ends were told.
        shots: Shots in the film.
        refused: Kind -> how many of how many were refused.
        errors: Absolute errors of all accepted pixels, px at the size that is mined.
        hidden: Accepted pixels that the right view does not see.
    """

    found: int
    shots: int
    refused: dict[str, tuple[int, int]]
    errors: list[np.ndarray] = field(default_factory=list)
    hidden: int = 0

    @property
    def pooled(self) -> np.ndarray:
        """All errors."""
        return np.concatenate(self.errors) if self.errors else np.zeros(0)


def main(
    *,
    model: str = "leadline-accurate",
    form: FilmForm = "half-side-by-side",
    width: int = 960,
    height: int = 400,
    bar_px: int = 12,
    shots: int = len(KINDS),
    frames: int = 24,
    seed: int = 500,
    output: Path | None = None,
) -> None:
    """Make a film, mine it, score it.

    Args:
        model: As for `leadline mine`.
        form: How both views lie in the film.
        width: Of a view as it is shown.
        height: Likewise.
        bar_px: Height of the letter box's bars.
        shots: How many shots.
        frames: Frames of a shot.
        seed: Seed of the first shot.
        output: Folder for film and training set; a temporary one if absent.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = output or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        kinds = [KINDS[number % len(KINDS)] for number in range(shots)]
        made = make_film(folder / "film.mp4", kinds, (height, width), form, bar_px, frames, seed)
        options = MineOptions(model=model, frames_per_s=4.0)
        request = MineRequest(
            films=(str(folder / "film.mp4"),), output=folder / "mined", options=options, load=load_signed_matcher
        )
        (film,) = mine_films(request)
        write_report(folder / "mined", [film])
        print(f"{film['layout']}: {film['because']}; views of {film['size'][1]}x{film['size'][0]}")
        Console().print(table(score(film, made, folder / "mined")))


def make_film(
    path: Path, kinds: Sequence[ShotKind], size: tuple[int, int], form: FilmForm, bar_px: int, frames: int, seed: int
) -> list[RenderedShot]:
    """Renders and writes the film."""
    wanted = [
        FilmShot(kind=kind, seed=seed + number, frames=frames, behind=BEHIND[number % len(BEHIND)])
        for number, kind in enumerate(kinds)
    ]
    made = render_shots(wanted, size)
    write_stereo_film(path, made, form, bar_px)
    return made


def score(film: dict[str, Any], made: Sequence[RenderedShot], output: Path) -> Scores:
    """Compares a film's record and samples with the truth."""
    told = [(first, last, frames, reason) for first, last, frames, reason, _ in film["shots"]]
    found, refused = 0, dict[str, tuple[int, int]]()
    for shot in made:
        ends = [(first, last) for first, last, _, _ in told
                if abs(first - shot.first) <= NEAR_FRAMES and abs(last - shot.last) <= NEAR_FRAMES]  # fmt: skip
        found += bool(ends)
        inside = [frames for first, last, frames, _ in told if first < shot.last and last > shot.first]
        one, all_ = refused.get(shot.shot.kind, (0, 0))
        refused[shot.shot.kind] = (one + (sum(inside) == 0), all_ + 1)
    scores = Scores(found, len(made), refused)
    samples = DepthShards(output / film["split"]) if film["shards"] else ()
    for index in range(len(samples)):
        sample, number = samples[index], samples.notes(index)["frame"]
        shot = next(shot for shot in made if shot.first <= number < shot.last)
        if shot.shot.kind not in GOOD:
            scores.errors.append(np.full(int(sample.valid.sum()), np.inf))
            continue
        truth = seen_at(shot.truth(number), sample.valid.shape)
        scores.errors.append(np.abs(sample.depth - truth.disparity)[sample.valid])
        scores.hidden += int((sample.valid & ~truth.valid).sum())
    return scores


def seen_at(truth: DisparityMap, size: tuple[int, int]) -> DisparityMap:
    """Truth at another size, without mixing what is near with what is far."""
    scale = np.float32(size[1] / truth.disparity.shape[1])
    layers = (truth.disparity * scale, truth.valid.astype(np.float32))
    disparity, valid = (cv2.resize(layer, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) for layer in layers)
    return DisparityMap(np.asarray(disparity, np.float32), np.asarray(valid) > 0.5)


def table(scores: Scores) -> Table:
    """The figures beside their bars."""
    errors = scores.pooled
    shown = Table("figure", "value", "bar")
    shown.add_row("shots found", f"{scores.found} of {scores.shots}", f">= {BARS['shots found']:.0%}")
    for kind, (refused, count) in sorted(scores.refused.items()):
        shown.add_row(f"{kind} shots refused", f"{refused} of {count}", "few" if kind in GOOD else "all")
    shown.add_row("frames, accepted pixels", f"{len(scores.errors)}, {len(errors)}", "")
    if len(errors):
        shown.add_row("median error", f"{np.median(errors):.3f} px", f"< {BARS['median error, px']:g} px")
        shown.add_row(
            f"errors above {BAD_PX:g} px", f"{(errors > BAD_PX).mean():.2%}", f"< {BARS['errors above 3 px']:.0%}"
        )
        shown.add_row("accepted although hidden", f"{scores.hidden / len(errors):.2%}", "")
    return shown


if __name__ == "__main__":
    cyclopts.run(main)
