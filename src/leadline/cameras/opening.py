"""Opening of a source by its address."""

from collections.abc import Callable

from leadline.cameras.address import Address, parse_address
from leadline.cameras.bags import BagPairs
from leadline.cameras.films import RecordedPairs
from leadline.cameras.oak import OakCamera
from leadline.cameras.realsense import RealSenseCamera, is_recording
from leadline.cameras.source import Device, StereoSource
from leadline.cameras.uvc import UvcCamera
from leadline.cameras.zed import ZedCamera
from leadline.errors import InputError

_CAMERAS: dict[str, Callable[[Address], Device]] = {
    "uvc": UvcCamera,
    "realsense": RealSenseCamera,
    "oak": OakCamera,
    "zed": ZedCamera,
    "bag": BagPairs,
}
_RECORDINGS = ("file", "bag")


def open_source(
    address: str, right: str | None = None, patience_s: float = 60.0, on_event: Callable[[str], None] | None = None
) -> StereoSource:
    """Opens a camera or a recording.

    Args:
        address: `uvc:0`, `realsense:`, `oak:`, `zed:`, `file:FILM`, `bag:FILE`, a preset's name, or the name of a film,
            folder, pattern or bag; with options, as in `uvc:0?size=1280x720&fps=30`.
        right: The right view, where it has a film, folder or pattern of its own.
        patience_s: How long a camera that was lost is waited for, seconds.
        on_event: Called with one line when the camera is lost or back.
    Returns:
        Its pairs, in order; to be closed.
    Raises:
        InputError: If the address is none, or a recording is missing or damaged.
        CameraError: If there is no such camera, or it does not do what is asked for.
        MissingExtraError: If the package for it is not installed.
    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from leadline.io import make_output_folder, write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for side in ("left", "right"):
        ...         for number in range(2):
        ...             image = np.full((2, 3), number, np.uint8)
        ...             write_image(make_output_folder(f"{folder}/{side}") / f"{number}.png", image)
        ...     with open_source(f"file:{folder}?fps=10") as source:
        ...         [(frame.time_s, int(frame.right.max())) for frame in source]
        [(0.0, 0), (0.1, 1)]
    """
    parsed = parse_address(address)
    if not patience_s >= 0:
        raise InputError(f"expected a patience of 0 seconds or more, got {patience_s}")
    if right is not None and parsed.scheme != "file":
        raise InputError(f"expected one source for {parsed.scheme}:, got a right one too, {right}; leave it out")
    is_live = parsed.options.get("pace") == "real" or not (
        parsed.scheme in _RECORDINGS or is_recording(parsed.place) or parsed.place.lower().endswith((".svo", ".svo2"))
    )
    if parsed.scheme == "file":
        other = None if right is None else parse_address(right).place
        return StereoSource(address, lambda: RecordedPairs(parsed, other), is_live, patience_s, on_event)
    make = _CAMERAS[parsed.scheme]
    return StereoSource(address, lambda: make(parsed), is_live, patience_s, on_event)
