"""`leadline stereo`: disparity, depth and confidence of one pair or of many."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leadline.apps.cli.batch import run_batch, say
from leadline.io.atomic import make_output_folder
from leadline.io.pair_files import PairFiles, find_pairs, is_many
from leadline.io.pairs import read_pair
from leadline.io.rigs import rectified_rig
from leadline.loading import load_model
from leadline.results.matching import match_pair, summarize, warnings
from leadline.results.stereo import RESULT_FILES, SUMMARY_FILE, refuse_existing, write_result
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod


def stereo(
    left: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    model: str = DEFAULT_MODEL,
    max_disparity: int | None = None,
    min_disparity: int = 0,
    threads: int | None = None,
    provider: Provider = "cpu",
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
    swap: bool = False,
) -> int:
    """Disparity, metric depth and confidence of rectified pairs.

    One pair is written straight into the output folder. Two folders, or two quoted patterns, are a batch: each pair
    goes into a folder of its own, finished pairs are skipped, and a pair that fails does not stop the others.

    Args:
        left: Left image; or a folder or quoted pattern of left images.
        right: Right image, folder or pattern. Not needed where LEFT holds both views (.mpo, .jps, side by side).
        calibration: Calibration of the rectified images (Middlebury or KITTI calib.txt): adds depth and points.
        model: Bundled network, ONNX file of ours, or bm, sgbm, sgbm-3way, sgbm-hh; leadline-refine mends sgbm-3way.
        max_disparity: Largest disparity to look for, px. Networks choose it from the width, matchers take 192.
        min_disparity: Smallest disparity to look for, px: below 0 where the cameras toe in or the images are cropped;
            `leadline check` finds it.
        threads: Threads to use; all processors if absent.
        provider: Where a network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace results that exist, and do finished pairs of a batch again.
        swap: Exchange the views.
    """
    pairs = find_pairs(left, right)
    load = partial(
        load_model,
        model,
        "stereo",
        max_disparity=max_disparity,
        min_disparity=min_disparity,
        threads=threads,
        provider=provider,
    )
    if is_many(left):
        todo = {pair.name: pair for pair in pairs if overwrite or not (output / pair.name / SUMMARY_FILE).exists()}
        if len(todo) < len(pairs):
            say((f"{len(pairs) - len(todo)} of {len(pairs)} pairs are finished and skipped",))
        if not todo:
            return 0
        method = load()
        make_output_folder(output)
        every = _Job(method, model, calibration, swap)
        return run_batch([*todo], lambda name: every.run(todo[name], output / name), "matching", "pairs")
    refuse_existing(output, RESULT_FILES, overwrite)
    job = _Job(load(), model, calibration, swap)
    report, lines = job.run(pairs[0], output)
    say(lines)
    print(report)
    return 0


@dataclass(frozen=True, eq=False)
class _Job:
    """What is done to each pair."""

    method: StereoMethod
    model: str
    calibration: Path | None
    swap: bool

    def run(self, files: PairFiles, folder: Path) -> tuple[str, tuple[str, ...]]:
        """Reads, matches and writes one pair; returns a line about the result, and what the user must know."""
        pair = read_pair(files.left, files.right, self.swap)
        height, width = pair.left.shape[:2]
        rig, rig_notes = None, tuple[str, ...]()
        if self.calibration is not None:
            rig, rig_notes = rectified_rig(self.calibration, (height, width))
        matched = match_pair(self.method, pair.left, pair.right)
        notes = (*pair.notes, *rig_notes)
        origin = {
            "left": str(files.left),
            "right": None if files.right is None else str(files.right),
            "swapped_as_asked": self.swap,
            "calibration": None if self.calibration is None else str(self.calibration),
        }
        summary = summarize(matched, self.method, self.model, rig, notes)
        write_result(folder, pair.left, matched.disparity, rig, {**origin, **summary})
        report = f"{folder}: {self.model} on {width}x{height} in {matched.seconds:.2f} s"
        if matched.disparity.confidence is None:
            report += "; no confidence from this method"
        return report, (*(f"note: {note}" for note in notes), *warnings(matched.check))
