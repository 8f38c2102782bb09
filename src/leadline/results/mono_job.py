"""The work on single images from their files to the folder of results, for the command line and the server alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadline.io.images import read_image
from leadline.io.ply import Axes
from leadline.results.job import Report
from leadline.results.mono import write_mono_result
from leadline.results.monocular import CameraSource, estimate_depth, summarize_mono
from leadline.results.stereo import CloudLimits
from leadline.runtime.mono import MonoMethod
from leadline.scale.sources import ScaleSource


@dataclass(frozen=True, eq=False)
class MonoJob:
    """Work on single images.

    Args:
        method: Who estimates.
        model: Its name.
        camera: Where the focal length comes from.
        scale: What makes depth metric.
        axes: Of the point cloud.
        mesh: Whether a mesh is written.
        limits: Which pixels become points.
        max_pixels: Largest image that is read.
    """

    method: MonoMethod
    model: str
    camera: CameraSource
    scale: ScaleSource | None
    axes: Axes
    mesh: bool
    limits: CloudLimits
    max_pixels: int | None

    def run(self, path: Path, name: str, folder: Path, request: Mapping[str, Any]) -> Report:
        """Reads, estimates and writes one image.

        Args:
            path: The image.
            name: Of the image, by which a source of scale finds its measurements.
            folder: Of the result.
            request: As `describe_request` gives it.
        Raises:
            LeadlineError: If the image, the camera or the scale is unusable.
        """
        image = read_image(path, self.max_pixels)
        height, width = image.pixels.shape[:2]
        found = self.camera.camera(path, height, width)
        result = estimate_depth(self.method, image.pixels, found, self.scale, name)
        summary = summarize_mono(result, self.method, self.model, self.scale, self.limits)
        notes = (*image.notes, *result.notes)
        told = {"image": str(path), **summary, "notes": list(notes), **request}
        bound = result.error_bound_m
        write_mono_result(folder, image.pixels, result.depth, told, self.axes, self.mesh, self.limits, bound)
        line = f"{folder}: {self.model} on {width}x{height} in {result.seconds:.2f} s, {result.depth.kind}"
        if bound is not None:
            share = 100.0 * summary["median_error_bound_share"]
            line += f"; half of the pixels within {share:.0f} % of the truth or better, with a probability of 80 %"
        if result.depth.confidence is None:
            line += "; no confidence from this model"
        return Report(line, notes)
