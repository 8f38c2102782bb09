"""One call from images to disparity or depth: files, images of Pillow, or arrays in; a map out.

>>> import numpy as np
>>> texture = np.random.default_rng(0).integers(0, 256, (60, 107), dtype=np.uint8)
>>> found = stereo(texture[:, :100], texture[:, 7:], model="sgbm", max_disparity=31)
>>> float(found.disparity[30, 50])
7.0
>>> mono(texture).kind
'affine_inverse'
>>> flow(texture, texture).speed.max().item()
0.0
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import UInt8

from leadline.cameras.opening import open_source
from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.io.pairs import read_pair
from leadline.io.video import open_frames
from leadline.loading import load_model
from leadline.maps import DepthMap, DisparityMap, FlowMap
from leadline.results.methods import MethodsByRange
from leadline.results.rigs import RigGiven
from leadline.runtime.flow import DEFAULT_FLOW_MODEL
from leadline.runtime.images import require_8bit
from leadline.runtime.mono import DEFAULT_MONO_MODEL
from leadline.runtime.steady import SteadyDepth, SteadyOptions
from leadline.runtime.stereo import DEFAULT_MODEL, StereoMethod
from leadline.runtime.validity import judged, judged_flow
from leadline.streaming.stream import LiveStream, StreamOptions

_PILLOW_MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr")
"""Modes of 8 bits a sample, or fewer."""


def imread(path: Path | str) -> UInt8[np.ndarray, "h w 3"]:
    """Reads an image as 8-bit RGB, upright.

    Args:
        path: PNG, JPEG, TIFF, BMP, WebP, AVIF, PPM or PGM, grey or colour, 8 or 16 bit; `leadline.io.images.read_image`
            says how samples of 16 bits become 8.
    Raises:
        InputError: If it is missing, not such an image, cut off, absurdly large, or has float or signed samples.

    >>> imread("photo.jpg")
    Traceback (most recent call last):
    leadline.errors.InputError: expected an image at photo.jpg, got no such file; check the name
    """
    return read_image(path).pixels


def as_image(image: object, name: str) -> UInt8[np.ndarray, "h w *c"]:
    """The array of an image that was given as a path, an image of Pillow, or an array.

    Args:
        image: Path of a file; an image of Pillow with at most 8 bits a sample, whose alpha is dropped; or an array,
            which stays as it is.
        name: What it is, for the message: "the left image".
    Raises:
        InputError: If it is anything else, an array that is not 8-bit RGB or grey, or a file that cannot be read.

    >>> as_image(None, "the left image")
    Traceback (most recent call last):
    leadline.errors.InputError: expected a path, an image of Pillow or an 8-bit array (height, width, 3) as the left image, got None; leadline.imread(path) reads a file and says why it cannot
    """  # noqa: E501 - the error is one line
    if isinstance(image, np.ndarray):
        require_8bit(cast("np.ndarray[Any, Any]", image), name)
        return cast("np.ndarray[Any, Any]", image)
    if isinstance(image, str | Path):
        return imread(image)
    pillow = sys.modules.get("PIL.Image")  # whoever has an image of it has imported it
    if pillow is not None and isinstance(image, pillow.Image):
        return _from_pillow(image, name)
    got = "None" if image is None else type(image).__name__
    raise InputError(
        f"expected a path, an image of Pillow or an 8-bit array (height, width, 3) as {name}, got {got}; "
        "leadline.imread(path) reads a file and says why it cannot"
    )


def _from_pillow(image: Any, name: str) -> UInt8[np.ndarray, "h w 3"]:  # noqa: ANN401 - Pillow is no requirement
    if image.mode not in _PILLOW_MODES:
        raise InputError(
            f"expected an image of Pillow with 8 bits a sample as {name}, got mode {image.mode}; scale it to 8 bits, "
            "or read its file with leadline.imread"
        )
    from PIL import ImageOps

    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), dtype=np.uint8).copy()


def stereo(
    left: UInt8[np.ndarray, "h w *c"] | Path | str | object,
    right: UInt8[np.ndarray, "h w *c"] | Path | str | object,
    model: str | Path = DEFAULT_MODEL,
    max_disparity: int | None = None,
    min_disparity: int = 0,
    threads: int | None = None,
) -> DisparityMap:
    """Disparity and confidence of a rectified pair; the network is loaded at the first call and kept.

    Where no camera looked (black borders) the disparity is invalid and its confidence 0, and where there is nothing to
    match confidence is low, as `leadline.runtime.validity.judged` says.

    Args:
        left: Left image: a path, an image of Pillow, or an 8-bit array, RGB (height, width, 3) or grey (height, width).
        right: The right image, of the same size.
        model: As for `load_model`.
        max_disparity: Largest disparity looked for, px; if absent, networks choose it from the width, and matchers
            take 192.
        min_disparity: Smallest disparity looked for, px: below 0 where the cameras toe in or the images are cropped.
        threads: Threads to use; all processors if absent.
    Raises:
        InputError: If the images cannot be read or do not fit, or there is no such model.
    """
    images = _images(left, right, ("the left image", "the right image"))
    options = {"max_disparity": max_disparity, "min_disparity": min_disparity, "threads": threads}
    found = _method(model, "stereo", **options)(*images)
    return judged(found, *images)


def mono(
    image: UInt8[np.ndarray, "h w *c"] | Path | str | object,
    model: str | Path = DEFAULT_MONO_MODEL,
    threads: int | None = None,
) -> DepthMap:
    """Depth of one image; the network is loaded at the first call and kept.

    Args:
        image: A path, an image of Pillow, or an 8-bit array, RGB (height, width, 3) or grey (height, width).
        model: As for `load_model`.
        threads: Threads to use; all processors if absent.
    Returns:
        Depth of the model's kind. Most know inverse depth up to a scale and a shift only (affine_inverse).
    Raises:
        InputError: If the image cannot be read or does not fit, or there is no such model.
    """
    pixels = as_image(image, "the image")
    return _method(model, "mono", threads=threads)(pixels)


def flow(
    first: UInt8[np.ndarray, "h w *c"] | Path | str | object,
    second: UInt8[np.ndarray, "h w *c"] | Path | str | object,
    model: str | Path = DEFAULT_FLOW_MODEL,
    threads: int | None = None,
) -> FlowMap:
    """Optical flow from one frame to the next; a network is loaded at the first call and kept.

    Of one image twice it is 0. Where no camera looked (black borders) the flow is invalid and its confidence 0, and
    where there is nothing to match confidence is low, as `leadline.runtime.validity.judged_flow` says.

    Args:
        first: First frame: a path, an image of Pillow, or an 8-bit array, RGB (height, width, 3) or grey (height,
            width).
        second: The next frame, of the same size.
        model: As for `load_model`.
        threads: Threads to use; all processors if absent.
    Raises:
        InputError: If the frames cannot be read or do not fit, or there is no such model.
    """
    images = _images(first, second, ("the first frame", "the second frame"))
    found = _method(model, "flow", threads=threads)(*images)
    return judged_flow(found, *images)


def _images(first: object, second: object, names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Both images of a pair; files of 16 bits are brought to 8 bits by one rule."""
    if isinstance(first, str | Path) and isinstance(second, str | Path):
        pair = read_pair(first, second)
        return pair.left, pair.right
    return as_image(first, names[0]), as_image(second, names[1])


def video(
    frames: Iterable[object] | Path | str,
    model: str | Path = DEFAULT_MONO_MODEL,
    options: SteadyOptions | None = None,
    threads: int | None = None,
) -> Iterator[DepthMap]:
    """Depth of each frame of a film that does not flicker, as `leadline.runtime.steady` says.

    Args:
        frames: RGB or grey arrays of one size; or a film (leadline[video]), a folder or a pattern such as
            "frames/*.png".
        model: As for `load_model`: any model for single images.
        options: Windows and fusion; the defaults if absent.
        threads: Threads to use; all processors if absent.
    Yields:
        Depth of each frame, up to a window of frames later.
    Raises:
        InputError: If the frames cannot be read or differ in size, or there is no such model.
    """
    images = (frame.pixels for frame in open_frames(frames)) if isinstance(frames, str | Path) else _frames(frames)
    method = _method(model, "mono", threads=threads)
    for found in SteadyDepth(method, options).steady(images):
        yield cast(DepthMap, found.depth)


def live(
    source: str,
    right: str | None = None,
    *,
    calibration: Path | str | None = None,
    focal_px: float | None = None,
    fov_deg: float | None = None,
    baseline_m: float | None = None,
    model: str | Path = DEFAULT_MODEL,
    max_disparity: int | None = None,
    min_disparity: int | None = None,
    threads: int | None = None,
    max_fps: float | None = None,
    max_age_s: float | None = None,
    swap: bool = False,
    patience_s: float = 60.0,
    on_event: Callable[[str], None] | None = None,
) -> LiveStream:
    """Depth of a stereo camera, or of a recording of one, while it runs; the newest frame wins.

    `for frame in leadline.live("uvc:0", calibration="SN12345.conf"): ...` ends the threads and gives the camera back
    when the loop ends; `with leadline.live(...) as stream:` does so whatever happens.

    Args:
        source: `uvc:0`, `realsense:`, `oak:`, `zed:`, `file:FILM`, `bag:FILE` or a preset's name, with options, as
            `leadline.cameras.open_source` takes it.
        right: The right view, where it has a film or folder of its own.
        calibration: A calibration file, where the source does not know its cameras, or for one of your own.
        focal_px: Focal length of rectified images, px; instead of a calibration, with a baseline.
        fov_deg: Field of view across the width of rectified images, degrees; instead of a focal length.
        baseline_m: Distance between the cameras, metres.
        model: As for `load_model`.
        max_disparity: Largest disparity looked for, px; if absent, the calibration's, or the method's own.
        min_disparity: Smallest disparity looked for, px; if absent, the calibration's, or 0.
        threads: Threads to use; all processors if absent.
        max_fps: Results a second at most.
        max_age_s: Frames and results that are older are left out and counted.
        swap: Exchange the views.
        patience_s: How long a camera that was lost is waited for, seconds.
        on_event: Called with one line about what happens: notes, warnings, a camera that is lost and comes back.
    Raises:
        InputError: If the address is none, a recording is missing or damaged, or there is no such model.
        CameraError: If there is no such camera, or it does not do what is asked for.
        CalibrationError: If the calibration is unusable.
        MissingExtraError: If the package for the camera is not installed.
    """
    path = None if calibration is None else Path(calibration)
    given = RigGiven(path, None, focal_px, fov_deg, baseline_m)
    options = StreamOptions(max_fps, max_age_s, swap)
    kept = str(model), _stamp(model), "stereo"

    def load(largest: int | None, smallest: int) -> StereoMethod:
        return _kept(*kept, (("max_disparity", largest), ("min_disparity", smallest), ("threads", threads)))

    methods = MethodsByRange(load, max_disparity, min_disparity)
    methods.prepare()
    opened = open_source(source, right, patience_s, on_event)
    return LiveStream(opened, methods, given, options, on_event)


def _frames(frames: object) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames that a caller gives, each checked."""
    if not isinstance(frames, Iterable) or (isinstance(frames, np.ndarray) and frames.ndim < 3):
        raise InputError(
            f"expected 8-bit RGB arrays, a film or a folder as frames, got {type(cast(object, frames)).__name__}"
        )
    for number, frame in enumerate(cast("Iterable[object]", frames)):
        image = as_image(frame, f"frame {number}")
        if 0 in image.shape:
            raise InputError(f"expected pixels in frame {number}, got shape {image.shape}; leave it out")
        yield image if image.ndim == 3 else np.dstack([image] * 3)


def _method(model: str | Path, task: str, **options: Any) -> Any:  # noqa: ANN401 - a method of the task
    """The method, loaded at the first call for it."""
    if not isinstance(model, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"expected a model's name or file, got {type(model).__name__}; give one, such as sgbm")
    try:
        hash(tuple(options.values()))
    except TypeError:  # a list, say: no method takes it, and loading says so
        return load_model(str(model), task, **options)
    return _kept(str(model), _stamp(model), task, tuple(options.items()))


def _stamp(model: str | Path) -> tuple[int, int] | None:
    """Time and size of a model's file, if it is one: a file that was replaced is loaded again."""
    path = Path(model)
    if not path.is_file():
        return None
    state = path.stat()
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4)
def _kept(model: str, _: tuple[int, int] | None, task: str, options: tuple[tuple[str, Any], ...]) -> Any:  # noqa: ANN401 - a method of the task
    return load_model(model, task, **dict(options))
