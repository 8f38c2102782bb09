"""`leadline mono`: depth of one image or of many."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from leadline.apps.cli.batch import run_batch, say, told
from leadline.apps.cli.sources import zoo_options
from leadline.apps.cli.tof import zone_options
from leadline.apps.cli.video import video
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.known_depths import LengthUnit
from leadline.io.pair_files import is_many, list_images, short_names
from leadline.io.ply import Axes
from leadline.io.video import is_film
from leadline.loading import load_model
from leadline.models.zoo import DiffusionOptions
from leadline.results.mono import MONO_FILES
from leadline.results.mono_job import MonoJob
from leadline.results.monocular import CameraSource
from leadline.results.request import describe_request, unfinished
from leadline.results.sizes import require_fitting_sizes
from leadline.results.stereo import CloudLimits, refuse_existing
from leadline.runtime.mono import DEFAULT_MONO_MODEL, MonoMethod
from leadline.runtime.onnx_session import Provider
from leadline.scale.sources import parse_scale_source


def mono(
    *images: str,
    model: str = DEFAULT_MONO_MODEL,
    focal_px: float | None = None,
    fov: float | None = None,
    calibration: Path | None = None,
    scale_from: Annotated[str | None, Parameter(name="--scale-from")] = None,
    scale_unit: LengthUnit | None = None,
    tof_time: float | None = None,
    tof_mount: Path | None = None,
    tof_flip: bool = False,
    tof_rotate: Literal[0, 90, 180, 270] = 0,
    source: list[str] | None = None,
    accept_licence: bool = False,
    steps: int | None = None,
    ensemble: int | None = None,
    seed: int | None = None,
    axes: Axes = "opencv",
    mesh: bool = False,
    min_confidence: float = CloudLimits.min_confidence,
    max_depth: float | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
    max_pixels: int | None = None,
) -> int:
    """Depth and confidence of single images.

    Most networks know inverse depth up to a scale and a shift only (affine_inverse): larger is closer, but not by how
    many metres. --scale-from makes it metric, from one of

    - points:FILE.csv: lines x,y,metres of measured places;
    - stereo:FOLDER (what `leadline stereo` wrote for this image as the left one), or stereo:depth.pfm;
    - tof:LOG: zones of a time-of-flight sensor beside the camera, in any form that `leadline tof show` reads. Depth is
      corrected zone by zone and has an error bar (depth_error.pfm). Needs the focal length. tof:LOG@DEGREES: zones
      that cover a square field of so many degrees around the optical axis, else 45. A bare grid of 8 rows of 8
      distances in metres without DEGREES covers the whole image;
    - height:METRES: the camera's height over flat ground, which must fill most of the lower half. From affine_inverse
      depth it takes the camera to be level, or height:METRES@PITCH degrees looking down: the unknown shift hides the
      pitch. Needs the focal length;
    - ground:METRES: likewise for a camera whose pitch is not known. From affine_inverse depth it takes the farthest one
      per cent of the image, such as the sky, to be infinitely far;
    - planes:NEAR:FAR: no measurement but an assumption, for 3D from a photograph: the image lies between these metres.

    points, tof and stereo take a folder with NAME.csv or NAME/depth.pfm for each image, too. The summary says scale,
    shift, inliers and their errors.

    One image is written straight into the output folder. Several, a folder, or a quoted pattern are a batch: each
    goes into a folder of its own, finished ones are skipped, and one that fails does not stop the others.

    Args:
        images: Images, folders or quoted patterns; or one film, which `leadline video` does.
        model: Bundled network, ONNX file of ours, card file (.yaml) of another ONNX network, or a network of the zoo
            (leadline[zoo]), such as depth-anything-v2-small.
        focal_px: Focal length in pixels of the images; from their EXIF data if nothing is given.
        fov: Field of view across the width, degrees, instead.
        calibration: Calibration file whose left camera took the images, instead.
        scale_from: What makes the depth metric.
        scale_unit: Unit of the distances in a file of points or zones; what its heading says, else metres, if absent.
        tof_time: When the image was taken, seconds by the clock of the sensor's log; needed if it lasts more than 2 s.
        tof_mount: File that `leadline tof calibrate` wrote: where the sensor is beside the camera.
        tof_flip: The sensor's zones are mirrored: exchange left and right.
        tof_rotate: Degrees by which the sensor's zones are to be turned clockwise, after the flip.
        source: Folder with the files of the zoo network, or NAME=FOLDER; from the hub or its cache if absent.
        accept_licence: Accept the licence of a zoo network, where it restricts its use.
        steps: Denoising steps of a diffusion network (Marigold); its own number if absent.
        ensemble: Draws of a diffusion network whose aligned median is taken; 1 if absent.
        seed: Of a diffusion network's noise; 0 if absent.
        axes: Of cloud.ply: opencv is x right, y down, z forward; opengl is y up, z towards the viewer, as MeshLab,
            CloudCompare and Blender show points upright.
        mesh: Write mesh.glb, too: a textured surface for browsers, Blender and phones. Needs a focal length or field of
            view, and a scale.
        min_confidence: Least confidence of a pixel that becomes a point of the cloud.
        max_depth: Points of the cloud that are farther away are left out, in metres or the unit of the depth.
        threads: Threads to use; all processors if absent.
        provider: Where the network runs; never anywhere else than asked for.
        output: Output folder.
        overwrite: Replace results that exist, and do finished images of a batch again.
        max_pixels: Largest image that is read.
    """
    if not images:
        raise InputError("expected at least one image, folder or pattern, got none")
    if len(images) == 1 and is_film(images[0]):
        if mesh or any(
            option is not None for option in (focal_px, fov, calibration, scale_from, steps, ensemble, seed)
        ):
            raise InputError(
                f"expected images for cameras, scales, meshes and diffusion, got the film {images[0]}; leave those "
                "options out, or save its frames as images, such as by ffmpeg -i FILM FRAME_%06d.png"
            )
        say(("note: a film gets the depth that `leadline video` gives, steadied",))
        own = {"source": source, "accept_licence": accept_licence, "threads": threads, "provider": provider}
        return video(images[0], model=model, output=output, overwrite=overwrite, **own)
    limits = CloudLimits(min_confidence, max_depth)
    zones = zone_options(tof_time, tof_mount, tof_flip, tof_rotate)
    if zones is not None and scale_from is None:
        raise InputError(
            "expected --scale-from tof:LOG for options of zones, got none; name the log, or leave them out"
        )
    scale = None if scale_from is None else parse_scale_source(scale_from, scale_unit, zones)
    camera = CameraSource(focal_px, fov, calibration)
    zoo = zoo_options([model], source or (), accept_licence)[model]
    if (steps, ensemble, seed) != (None, None, None):
        zoo = {**zoo, "diffusion": DiffusionOptions(steps, ensemble or 1, seed or 0)}

    options = {
        "model": model, "focal_px": focal_px, "fov": fov, "calibration": calibration, "scale_from": scale_from,
        "scale_file": None if scale is None else scale.path, "scale_unit": scale_unit, "axes": axes,
        "tof_time": tof_time, "tof_mount": tof_mount, "tof_flip": tof_flip, "tof_rotate": tof_rotate,
        "mesh": mesh, "min_confidence": min_confidence, "max_depth": max_depth, **zoo,
    }  # fmt: skip

    def load() -> MonoMethod:
        return load_model(model, "mono", threads=threads, provider=provider, **zoo)

    if len(images) == 1 and not is_many(images[0]):
        refuse_existing(output, MONO_FILES, overwrite)
        path = Path(images[0])
        job = MonoJob(load(), model, camera, scale, axes, mesh, limits, max_pixels)
        report, lines = told(job.run(path, path.stem, output, describe_request([path], options)))
        say(lines)
        print(report)
        return 0
    paths = [path for given in images for path in (list_images(given) if is_many(given) else [Path(given)])]
    require_fitting_sizes(paths, focal_px, fov, calibration)
    found = dict(zip(short_names(paths), paths, strict=True))
    requests = {name: describe_request([path], options) for name, path in found.items()}
    todo, notes = unfinished(output, requests, overwrite, "images")
    say(notes)
    if not todo:
        return 0
    job = MonoJob(load(), model, camera, scale, axes, mesh, limits, max_pixels)
    make_output_folder(output)
    return run_batch(
        todo, lambda name: told(job.run(found[name], name, output / name, requests[name])), "estimating", "images"
    )
