"""`leadline eval pose`: a trajectory against the true one."""

import json as json_text
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.batch import say
from leadline.io.atomic import atomic_write
from leadline.io.trajectories import read_trajectory
from leadline.metrics.pose import (
    PoseAlignmentKind,
    absolute_errors_m,
    align_poses,
    doubtful_forms,
    match_trajectories,
    relative_errors,
    snippet_errors_m,
)

_SNIPPET: Final = 5


@dataclass(frozen=True)
class _Row:
    """One number of the report."""

    metric: str
    value: float
    unit: str
    meaning: str


def pose_eval(
    trajectory: Path,
    /,
    *,
    truth: Path,
    align: PoseAlignmentKind = "sim3",
    frames: int = 1,
    tolerance_s: float = 0.02,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """Score a camera's trajectory: ATE, RPE, and the error of five-frame snippets as SfMLearner reports it.

    Both files hold one pose a line, camera to world: eight numbers (TUM: time, position, quaternion x y z w) or twelve
    (KITTI: the rows of a 3x4 matrix); EuRoC's data.csv and COLMAP's images.txt are read, too. Poses are matched by time
    where both files have times, else by order. Poses that would fit far better as world to camera, or with another
    order of the quaternion, are told of.

    Args:
        trajectory: The estimate: a file, or a folder of 4x4 matrices.
        truth: The true one.
        align: How the estimate is brought into the true world before ATE and RPE: sim3 (its scale is unknown, as from
            one camera), se3 (in metres), scale (about the first pose), or none.
        frames: Distance of the two poses of RPE.
        tolerance_s: Largest difference of two times that belong together.
        json: File for the report.
    """
    estimate, true = read_trajectory(trajectory), read_trajectory(truth)
    found, wanted, unmatched = match_trajectories(estimate, true, tolerance_s)
    notes = (*estimate.notes, *true.notes, *unmatched)
    say(f"note: {note}" for note in notes)
    doubts = doubtful_forms(found, wanted)
    say(f"warning: {doubt}" for doubt in doubts)
    alignment = align_poses(found, wanted, align)
    aligned = alignment.apply(found)
    absolute = absolute_errors_m(aligned, wanted)
    relative = relative_errors(aligned, wanted, frames)
    rows = [
        _Row("ATE", _rms(absolute), "m", f"root mean square of the positions' errors, aligned by {align}"),
        _Row("ATE max", float(absolute.max()), "m", "largest of them"),
        _Row("RPE translation", _rms(relative.translation_m), "m", f"root mean square over {frames} frame(s)"),
        _Row("RPE rotation", float(relative.rotation_deg.mean()), "deg", f"mean over {frames} frame(s)"),
        _Row("scale", alignment.scale, "", "what the estimate's positions were multiplied by"),
    ]
    if len(found) >= _SNIPPET:
        snippets = snippet_errors_m(found, wanted, _SNIPPET)
        rows += [
            _Row("snippet ATE", float(snippets.mean()), "m", "mean over 5-frame snippets, SfMLearner's definition"),
            _Row("snippet ATE std", float(snippets.std()), "m", "standard deviation over the snippets"),
        ]
    table = Table("metric", "value", "unit", "meaning", title=f"{len(found)} poses, aligned by {align}")
    for row in rows:
        table.add_row(row.metric, f"{row.value:.4g}", row.unit, row.meaning)
    Console(width=max(Console().width, 110)).print(table)
    if json is not None:
        report = {
            "poses": len(found),
            "alignment": align,
            "notes": [*notes, *doubts],
            "scores": [vars(row) for row in rows],
        }
        with atomic_write(json) as stream:
            stream.write((json_text.dumps(report, indent=1, allow_nan=False) + "\n").encode())


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))
