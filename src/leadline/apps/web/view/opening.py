"""What a path stands for: a result, a film, a recording, a batch, or a single file."""

from collections import Counter
from pathlib import Path

from leadline.apps.web.view.folders import open_file, open_result
from leadline.apps.web.view.frame import Viewed
from leadline.apps.web.view.series import open_batch, open_film, open_recording
from leadline.apps.web.view.tracks import open_tracks, read_tracks, with_tracks
from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.results.request import SUMMARY_FILE


def open_viewed(path: Path, image: Path | None = None) -> Viewed:
    """Opens what `leadline` wrote.

    Args:
        path: Folder of stereo, mono, flow, scene-flow, tracks, video or `live --record`; a folder of such folders; a
            .pfm or .ply.
        image: The image that a single result lies on, instead of the one that its summary names.
    Raises:
        InputError: If there is no such path, or nothing in it that can be shown: says what was found.
    """
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a result of leadline at {str(path)[:200]!r}, got {error}; check the name"
        ) from error
    if image is not None:
        read_image(image)
    if is_file:
        beside = open_result(path.parent, image) if (path.parent / SUMMARY_FILE).is_file() else None
        found: Viewed | None = beside if path.suffix != ".ply" else None
        return found or open_file(path, image)
    if not is_folder:
        raise InputError(f"expected a result of leadline at {path}, got no such file or folder; check the name")
    found = open_recording(path) or open_film(path) or open_tracks(path) or open_result(path, image) or open_batch(path)
    if found is None:
        raise InputError(
            f"expected a folder that leadline stereo, mono, flow, scene-flow, tracks, video or live --record wrote, "
            f"got {path} with {_content(path)}; name the folder of a result"
        )
    if image is not None and len(found.moments) > 1:
        raise InputError(f"expected one result for an image, got {len(found.moments)} in {path}; leave the image out")
    return found


def open_sides(
    path: Path, compare: Path | None = None, image: Path | None = None, tracks: Path | None = None
) -> tuple[Viewed, ...]:
    """One result, or two on the same image, with tracks if there are any.

    Args:
        path: As of `open_viewed`.
        compare: Likewise.
        image: Of the first; the second takes its own, or this one.
        tracks: Objects of the frames, as of `read_tracks`.
    Raises:
        InputError: If one cannot be shown, or the two are not on the same images.
    """
    first = open_viewed(path, image)
    if tracks is not None:
        first = with_tracks(first, read_tracks(tracks), tracks)
    if compare is None:
        return (first,)
    second = open_viewed(compare, image)
    if len(first.moments) != len(second.moments):
        raise InputError(
            f"expected two results of as many frames, got {len(first.moments)} in {path} and {len(second.moments)} in "
            f"{compare}; compare results on the same images"
        )
    sizes = [side.load(0).size for side in (first, second)]
    if sizes[0] != sizes[1] or sizes[0] is None:
        raise InputError(
            f"expected two results on one image, got {_size(sizes[0])} in {path} and {_size(sizes[1])} in {compare}; "
            "compare results on the same images"
        )
    return first, second


def _size(size: tuple[int, int] | None) -> str:
    return "points alone" if size is None else f"{size[1]}x{size[0]}"


def _content(folder: Path) -> str:
    """What a folder holds, in few words."""
    counts = Counter("folder" if path.is_dir() else path.suffix.lower() or "other" for path in folder.iterdir())
    if not counts:
        return "nothing in it"
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common(4))
