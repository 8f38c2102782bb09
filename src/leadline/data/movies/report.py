"""Report of mined films: a table as MiDaS has it, what was refused and why, statistics of disparities, and sheets."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64, UInt8

from leadline.data.mono.shards import DepthShards
from leadline.data.movies.options import FRAME_REASONS, PIXEL_REASONS, SHOT_REASONS
from leadline.data.movies.shot import HISTOGRAM
from leadline.data.movies.state import SPLITS, decoded_thumbnail
from leadline.io.atomic import atomic_write
from leadline.io.images import write_image
from leadline.visual.colormap import plasma
from leadline.visual.sheet import Panel, sheet

REPORT: Final = "report.md"
STATISTICS: Final = "statistics.json"
SHEET: Final = "contact_sheet.png"
REFUSED_SHEET: Final = "refused_sheet.png"
_QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TITLES: Final = {"train": "Training set", "validation": "Validation set", "test": "Test set"}
_ROWS: Final = 12
_COLUMNS: Final = 3

Record = Mapping[str, Any]


def write_report(output: Path, films: Sequence[Record]) -> None:
    """Writes report.md, statistics.json and both contact sheets of a mined training set.

    Args:
        output: Its folder.
        films: Records of its films.
    Raises:
        OutputError: If a file cannot be written.
    """
    statistics = {
        "films": {film["name"]: film_statistics(film) for film in films},
        "together": disparity_statistics(np.sum([film["histogram"] for film in films], axis=0)),
        "frames": {split: sum(f["frames"] for f in films if f["split"] == split) for split in SPLITS},
        "refused_shots": _summed(films, "refused_shots"),
        "rejected_frames": _summed(films, "rejected_frames"),
        "rejected_pixels": _summed(films, "rejected_pixels"),
    }
    for name, text in ((STATISTICS, json.dumps(statistics, indent=1)), (REPORT, report_text(films))):
        with atomic_write(output / name) as stream:
            stream.write(f"{text}\n".encode())
    for name, image in ((SHEET, _accepted_sheet(output, films)), (REFUSED_SHEET, _refused_sheet(films))):
        if image is not None:
            write_image(output / name, image)
        else:
            (output / name).unlink(missing_ok=True)


def film_statistics(film: Record) -> dict[str, Any]:
    """Figures of one film.

    Args:
        film: Its record.
    """
    return {
        "split": film["split"],
        "layout": film["layout"],
        "frames": film["frames"],
        "shots": len(film["shots"]),
        "disparity": disparity_statistics(np.asarray(film["histogram"])),
    }


def disparity_statistics(histogram: np.ndarray) -> dict[str, float]:
    """Quantiles of disparities, as shares of the width, and the share of negative ones, from a histogram.

    Args:
        histogram: Pixels in each bin of `HISTOGRAM`.
    Returns:
        Nothing where there is no pixel.
    Example:
        >>> histogram = np.zeros(400, np.int64)
        >>> histogram[190:230] = 5  # evenly from -1 % to 3 % of the width
        >>> told = disparity_statistics(histogram)
        >>> told["0.5"], told["behind_screen"]
        (0.01, 0.25)
    """
    total = float(np.sum(histogram))
    if not total:
        return {}
    reached: Float64[np.ndarray, " n"] = np.concatenate([[0.0], np.cumsum(histogram)]) / total
    told = {f"{quantile:g}": round(float(np.interp(quantile, reached, HISTOGRAM)), 5) for quantile in _QUANTILES}
    return {**told, "behind_screen": round(float(np.interp(0.0, HISTOGRAM, reached)), 4)}


def report_text(films: Sequence[Record]) -> str:
    """The report in Markdown.

    Args:
        films: Records of the films.
    """
    parts = [
        "# Mined films",
        "Depth is known up to a scale and a shift: disparity of the left view, larger is nearer. No film is in two "
        "sets.",
        _table_of_films(films),
        "## Films",
        _table(
            ["film", "layout", "found by", "views, px", "frames in the film", "shots", "refused", "frames looked at"],
            [
                [f["name"], f["layout"] + (", right view first" if f["right_first"] else ""), f["because"],
                 f"{f['size'][1]}x{f['size'][0]}", f["frames_in_film"], len(f["shots"]),
                 sum(f["refused_shots"].values()), f["looked_at"]]
                for f in films
            ],
        ),
        "## Refused",
        _reasons("shots", _summed(films, "refused_shots"), SHOT_REASONS, sum(len(f["shots"]) for f in films)),
        _reasons("frames", _summed(films, "rejected_frames"), FRAME_REASONS, sum(f["looked_at"] for f in films)),
        _reasons("pixels", pixels := _summed(films, "rejected_pixels"), PIXEL_REASONS,
                 sum(pixels.values()) + sum(f["pixels"] for f in films)),
        "## Disparity",
        "In % of the width; negative is behind the screen.",
        _table(
            ["film", *(f"{100 * q:g} %" for q in _QUANTILES), "pixels behind the screen"],
            [[f["name"], *_percentages(disparity_statistics(np.asarray(f["histogram"])))]
             for f in films if f["pixels"]],
        ),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _table_of_films(films: Sequence[Record]) -> str:
    """Frames of each film by split, in the form of the table of MiDaS."""
    rows: list[list[object]] = []
    for split in SPLITS:
        part = [film for film in films if film["split"] == split]
        if part:
            rows.append([f"**{_TITLES[split]}**", f"**{sum(film['frames'] for film in part)}**"])
            rows += [[film["name"], film["frames"]] for film in part]
    return _table(["Movie title", "# frames"], rows)


def _reasons(noun: str, counts: Mapping[str, int], words: Mapping[str, str], total: int) -> str:
    if not counts:
        return f"No {noun} were refused, of {total}."
    rows = [
        [reason, words.get(reason, ""), count, f"{count / max(1, total):.1%}"]
        for reason, count in sorted(counts.items(), key=lambda entry: -entry[1])
        if count
    ]
    return _table([noun, "why", "number", f"share of {total}"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [list(map(str, head)), ["---"] * len(head), *(list(map(str, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percentages(told: Mapping[str, float]) -> list[str]:
    return [f"{100 * told[f'{quantile:g}']:.2f}" for quantile in _QUANTILES] + [f"{told['behind_screen']:.0%}"]


def _summed(films: Sequence[Record], key: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for film in films:
        counts.update(film[key])
    return dict(counts)


def _accepted_sheet(output: Path, films: Sequence[Record]) -> UInt8[np.ndarray, "h w 3"] | None:
    """Evenly spaced frames, each beside its disparity; black has none."""
    paths = [output / shard for film in films for shard in film["shards"]]
    if not paths:
        return None
    shards = DepthShards(paths)
    places = np.unique(np.linspace(0, len(shards) - 1, min(len(shards), _ROWS * 2)).round().astype(int))
    panels: list[Panel] = []
    for place in places:
        sample = shards[int(place)]
        low, high = np.percentile(sample.depth[sample.valid], [1.0, 99.0])
        colours = plasma(sample.depth, sample.valid, (float(low), float(max(high, low + 1e-3))))
        panels += [
            Panel(sample.key, sample.image, photo=True),
            Panel(f"{low:.1f} to {high:.1f} px, {sample.valid.mean():.0%} known", colours),
        ]
    return sheet([panels[start : start + 4] for start in range(0, len(panels), 4)], panel_width=320)


def _refused_sheet(films: Sequence[Record]) -> UInt8[np.ndarray, "h w 3"] | None:
    """Both views of refused shots, and why."""
    panels = [
        Panel(f"{film['name']} from {first}: {reason}", image, photo=True)
        for film in films
        for first, reason, text in film["refused_shown"]
        if (image := decoded_thumbnail(text)) is not None
    ]
    rows = [panels[start : start + _COLUMNS] for start in range(0, min(len(panels), _ROWS * _COLUMNS), _COLUMNS)]
    return sheet(rows, panel_width=400) if rows else None
