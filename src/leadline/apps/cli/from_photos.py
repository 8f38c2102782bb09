"""`leadline render from-photos`: stereo pairs to train on, made from single photographs."""

from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from leadline.apps.cli.eval import scene_progress
from leadline.apps.cli.sizes import parse_size
from leadline.data.stereo.shards import StereoShards
from leadline.data.synthetic.from_photos import PhotoPairs, generate_from_photos
from leadline.errors import InputError
from leadline.io.images import write_image
from leadline.io.pair_files import list_images
from leadline.loading import load_model
from leadline.runtime.mono import DEFAULT_MONO_MODEL
from leadline.visual.colormap import plasma
from leadline.visual.sheet import Panel, sheet

_SHEET_PAIRS: Final = 8
_SMALLEST_PX: Final = 32
_MOST: Final = 10**7


def from_photos_render(
    photos: str,
    /,
    *,
    output: Path,
    model: str = DEFAULT_MONO_MODEL,
    count: int | None = None,
    seed: int = 1,
    size: str = "640x320",
    threads: int | None = None,
) -> None:
    """Make stereo pairs from single photographs, with the disparity and occlusion of both views.

    A model gives the depth of a photograph, which becomes disparity at a random scale, with sharp edges. The right view
    is warped from the photograph; what that does not show comes from another one. A run that was stopped goes on where
    it stopped. contact_sheet.png shows the first pairs.

    Args:
        photos: Folder of photographs, or a pattern such as "photos/*.jpg".
        output: Output folder for the shards, which `leadline train` reads.
        model: Any model for single images.
        count: How many pairs; one a photograph if absent. More take each photograph again, at another scale.
        seed: Of scales and fillers.
        size: WIDTHxHEIGHT in pixels; photographs are scaled and cut to it.
        threads: Threads of the model; all processors if absent.
    """
    height, width = parse_size(size)
    files = tuple(list_images(photos))
    wanted = len(files) if count is None else count
    if not 1 <= wanted <= _MOST or seed < 0 or min(height, width) < _SMALLEST_PX:
        raise InputError(
            f"expected --count from 1 to {_MOST}, --seed of at least 0 and --size of at least {_SMALLEST_PX} px a "
            f"side, got {wanted}, {seed} and {size}"
        )
    pairs = PhotoPairs(files, load_model(model, "mono", threads=threads), (height, width), seed)
    with scene_progress() as progress:
        task = progress.add_task("making pairs", total=wanted)
        paths = generate_from_photos(pairs, wanted, output, advance=lambda done: progress.advance(task, done))
    _write_sheet(output / "contact_sheet.png", StereoShards(paths), width)
    print(f"{output}: {wanted} pairs in {len(paths)} shards; look at {output / 'contact_sheet.png'}")


def _write_sheet(path: Path, shards: StereoShards, width: int) -> None:
    rows: list[list[Panel]] = []
    for index in islice(range(len(shards)), _SHEET_PAIRS):
        sample, notes = shards[index], shards.notes(index)
        hidden = np.zeros((*sample.valid.shape, 3), np.uint8)
        if sample.occluded is not None:
            hidden[sample.occluded] = 255
        rows.append(
            [
                Panel(str(notes.get("photo", sample.key)), sample.left, photo=True),
                Panel("right", sample.right, photo=True),
                Panel(f"disparity, up to {sample.disparity.max():.0f} px", plasma(sample.disparity, sample.valid)),
                Panel("hidden from the right view (white)", hidden),
            ]
        )
    write_image(path, sheet(rows, panel_width=min(width, 480)))
