"""`leadline render`: training and test data with exact truth."""

from pathlib import Path
from typing import Final, Literal

from leadline.apps.cli.extras import needs_extra
from leadline.apps.cli.sizes import parse_size
from leadline.data.engine import require_engine
from leadline.errors import InputError
from leadline.io.image_header import MAX_PIXELS
from leadline.io.images import write_image

_SHEET_PAIRS: Final = 8
_SHEET_IMAGES: Final = 24
_SMALLEST_PX: Final = 32
_FEWEST_FRAMES: Final = 2
_MOST_FRAMES: Final = 1000
_MOST_SAMPLES: Final = 10**8
_Engine = Literal["processes", "ray"]


def stereo_render(
    *,
    count: int,
    seed: int,
    output: Path,
    size: str = "640x320",
    workers: int = 2,
    format: Literal["shards", "scenes"] = "shards",
    worlds: Literal["first", "further", "assets"] = "first",
    engine: _Engine = "processes",
) -> None:
    """Render stereo pairs with exact disparity and occlusion.

    A seed gives the same pair on every machine. A run that was stopped goes on where it stopped. contact_sheet.png
    shows the first pairs.

    Args:
        count: How many pairs.
        seed: Seed of the first pair; the others follow one by one.
        output: Output folder.
        size: WIDTHxHEIGHT in pixels.
        workers: Shards or scenes that are rendered at once, each by one process; 0 renders in this one.
        format: Shards are for `leadline train`; scenes are folders in Middlebury's layout, for `leadline eval stereo`.
        worlds: Which scenes: the first ones are rooms, streets, tables, terrain and clutter of random things; further
            ones are furnished rooms with things floating in them, walls and boards that leave the image, thin parts;
            assets are these with real furniture, people and skies of installed packages (`leadline data assets`).
        engine: processes are those of this machine; ray takes the workers of a Ray cluster, of the one at RAY_ADDRESS
            or of a local one. The shards are the same.
    """
    height, width = _checked(count, seed, workers, engine, size)
    with needs_extra("train"):
        from leadline.data.synthetic.contact_sheets import contact_sheet
        from leadline.data.synthetic.generate import generate_stereo, generate_stereo_scenes
    generate = generate_stereo if format == "shards" else generate_stereo_scenes
    paths = generate(count, seed, output, workers, (height, width), worlds=worlds, engine=engine)
    sheet = output / "contact_sheet.png"
    shown = range(seed, seed + min(count, _SHEET_PAIRS))
    write_image(sheet, contact_sheet(shown, (height, width), worlds=worlds))
    print(f"{output}: {count} pairs in {len(paths)} {format}; look at {sheet}")


def mono_render(
    *,
    count: int,
    seed: int,
    output: Path,
    size: str = "384x288",
    workers: int = 2,
    engine: _Engine = "processes",
) -> None:
    """Render single images with exact metric depth: rooms, desks, corridors, streets, landscapes.

    A seed gives the same image on every machine. A run that was stopped goes on where it stopped. contact_sheet.png
    shows the first images beside their inverse depth.

    Args:
        count: How many images.
        seed: Seed of the first image; the others follow one by one.
        output: Output folder for the shards.
        size: WIDTHxHEIGHT in pixels.
        workers: Shards that are rendered at once, each by one process; 0 renders in this one.
        engine: processes are those of this machine; ray takes the workers of a Ray cluster, of the one at RAY_ADDRESS
            or of a local one. The shards are the same.
    """
    height, width = _checked(count, seed, workers, engine, size)
    with needs_extra("train"):
        from leadline.data.synthetic.contact_sheets import mono_contact_sheet
        from leadline.data.synthetic.generate import generate_mono
    paths = generate_mono(count, seed, output, workers, (height, width), engine=engine)
    sheet = output / "contact_sheet.png"
    write_image(sheet, mono_contact_sheet(range(seed, seed + min(count, _SHEET_IMAGES)), (height, width)))
    print(f"{output}: {count} images in {len(paths)} shards; look at {sheet}")


def flow_render(
    *,
    count: int,
    seed: int,
    output: Path,
    size: str = "640x320",
    workers: int = 2,
    worlds: Literal["first", "further"] = "first",
    engine: _Engine = "processes",
) -> None:
    """Render pairs of frames of moving worlds, with exact flow and occlusion in both directions.

    A seed gives the same pair on every machine. A run that was stopped goes on where it stopped. contact_sheet.png
    shows the first pairs.

    Args:
        count: How many pairs of frames.
        seed: Seed of the first pair; the others follow one by one.
        output: Output folder for the shards.
        size: WIDTHxHEIGHT in pixels.
        workers: Shards that are rendered at once, each by one process; 0 renders in this one.
        worlds: Which scenes: in the first ones the camera and rigid bodies move; in further ones, with furnished rooms
            among them, limbs swing and bodies bend as well, lights move, and rolling shutters expose row after row.
        engine: processes are those of this machine; ray takes the workers of a Ray cluster, of the one at RAY_ADDRESS
            or of a local one. The shards are the same.
    """
    height, width = _checked(count, seed, workers, engine, size)
    with needs_extra("train"):
        from leadline.data.synthetic.contact_sheets import flow_contact_sheet
        from leadline.data.synthetic.generate import generate_flow
    paths = generate_flow(count, seed, output, workers, (height, width), worlds=worlds, engine=engine)
    sheet = output / "contact_sheet.png"
    shown = range(seed, seed + min(count, _SHEET_PAIRS))
    write_image(sheet, flow_contact_sheet(shown, (height, width), worlds=worlds))
    print(f"{output}: {count} pairs of frames in {len(paths)} shards; look at {sheet}")


def video_render(
    *,
    count: int,
    seed: int,
    output: Path,
    frames: int = 3,
    objects: Literal["still", "moving"] = "still",
    views: Literal["mono", "stereo"] = "mono",
    size: str = "480x160",
    workers: int = 2,
    engine: _Engine = "processes",
) -> None:
    """Render sequences of frames of a moving camera, with exact depth, poses, flow and masks of moving objects.

    A seed gives the same sequence on every machine. A run that was stopped goes on where it stopped. contact_sheet.png
    shows the first sequences.

    Args:
        count: How many sequences, each in a world of its own.
        seed: Seed of the first sequence; the others follow one by one.
        output: Output folder for the shards.
        frames: Frames of each sequence.
        objects: Whether only the camera moves, or objects as well.
        views: Whether each frame has a right view.
        size: WIDTHxHEIGHT in pixels.
        workers: Shards that are rendered at once, each by one process; 0 renders in this one.
        engine: processes are those of this machine; ray takes the workers of a Ray cluster, of the one at RAY_ADDRESS
            or of a local one. The shards are the same.
    """
    height, width = _checked(count, seed, workers, engine, size)
    if not _FEWEST_FRAMES <= frames <= _MOST_FRAMES:
        raise InputError(f"expected --frames from {_FEWEST_FRAMES} to {_MOST_FRAMES}, got {frames}")
    with needs_extra("train"):
        from leadline.data.synthetic.contact_sheets import video_contact_sheet
        from leadline.data.synthetic.generate import Sequences, generate_video
    sequence = Sequences(frames=frames, objects=objects, views=views)
    paths = generate_video(count, seed, output, sequence, workers, (height, width), engine=engine)
    sheet = output / "contact_sheet.png"
    shown = range(seed, seed + min(count, _SHEET_PAIRS))
    write_image(sheet, video_contact_sheet(shown, sequence, (height, width)))
    print(f"{output}: {count} sequences of {frames} frames in {len(paths)} shards; look at {sheet}")


def _checked(count: int, seed: int, workers: int, engine: _Engine, size: str) -> tuple[int, int]:
    height, width = parse_size(size)
    if count < 1 or seed < 0:
        raise InputError(f"expected --count of at least 1 and --seed of at least 0, got {count} and {seed}")
    if count > _MOST_SAMPLES or height * width > MAX_PIXELS:
        raise InputError(
            f"expected --count of at most {_MOST_SAMPLES} and a --size of at most {MAX_PIXELS} pixels, got {count} and "
            f"{width}x{height}"
        )
    if min(height, width) < _SMALLEST_PX:
        raise InputError(f"expected images of at least {_SMALLEST_PX} px a side, got --size {size}")
    require_engine(engine, workers)
    return height, width
