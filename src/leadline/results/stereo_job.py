"""The work on stereo pairs from their files to the folder of results, for the command line and the server alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadline.geometry.check import PairCheck
from leadline.io.pair_files import PairFiles
from leadline.io.pairs import Layout, read_pair
from leadline.results.job import Report
from leadline.results.matching import match_pair, summarize, warnings
from leadline.results.methods import MethodsByRange
from leadline.results.request import describe_request
from leadline.results.rigs import RigMaker
from leadline.results.stereo import CloudLimits, write_result


@dataclass(frozen=True, eq=False)
class StereoJob:
    """Work on pairs of one camera.

    Args:
        model: Name of the method.
        methods: Who matches.
        rigs: What is known of the cameras.
        limits: Which pixels become points.
        swap: Whether the views are exchanged.
        layout: How two views lie in one image.
        max_pixels: Largest image that is read.
        asked: All options that decide a result.
        said: Notes that were told before.
        checked: Size of images -> name and check of a pair that is fine.
    """

    model: str
    methods: MethodsByRange
    rigs: RigMaker
    limits: CloudLimits
    swap: bool
    layout: Layout | None
    max_pixels: int | None
    asked: Mapping[str, object]
    said: set[str] = field(default_factory=set)
    checked: dict[tuple[int, ...], tuple[str, PairCheck]] = field(default_factory=dict)

    def request(self, files: PairFiles) -> dict[str, Any]:
        """Request that decides the result of a pair."""
        return describe_request([files.left, files.right], self.asked)

    def run(self, files: PairFiles, folder: Path) -> Report:
        """Reads, matches and writes one pair.

        Args:
            files: The pair.
            folder: Of the result.
        Raises:
            LeadlineError: If the pair or its calibration is unusable.
        """
        ready = self.rigs.ready(read_pair(files.left, files.right, self.swap, self.layout, self.max_pixels))
        height, width = ready.left.shape[:2]
        method, range_notes = self.methods.fitting(ready)
        name, notes = self.model, (*ready.notes, *range_notes)
        check_of, check = self.checked.get(ready.left.shape, (files.name, None))
        matched = match_pair(method, ready.left, ready.right, ready.seen, ready.far_px, check)
        calibration, given = self.rigs.given.calibration, self.rigs.given
        if matched.check.fine and (calibration is not None or given.baseline_m is not None):
            # One camera took all pairs: what is fine in one is so in all.
            self.checked.setdefault(ready.left.shape, (files.name, matched.check))
        origin = {
            "left": str(files.left),
            "right": None if files.right is None else str(files.right),
            "swapped_as_asked": self.swap,
            "calibration": None if calibration is None else str(calibration),
            "rectified_here": ready.seen is not None,
            "check_of": check_of,
            **self.request(files),
        }
        summary = summarize(matched, method, name, ready.rig, notes, self.limits)
        write_result(folder, ready.left, matched.disparity, ready.rig, {**origin, **summary}, self.limits)
        line = f"{folder}: {name} on {width}x{height} in {matched.seconds:.2f} s"
        if matched.disparity.confidence is None:
            line += "; no confidence from this method"
        # Of many pairs, what holds for all is said with the first.
        fresh = tuple(note for note in notes if note not in self.said)
        self.said.update(notes)
        return Report(line, fresh, warnings(matched.check))
