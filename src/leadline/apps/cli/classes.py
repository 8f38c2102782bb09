"""`leadline render classes` and `leadline eval synthetic`: generated images of classes, and what they are worth."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.eval import scene_progress
from leadline.apps.cli.extras import needs_extra
from leadline.data.classes.images import ClassImages, open_classes
from leadline.errors import InputError, OutputError
from leadline.io.atomic import atomic_write, make_output_folder, unfinished_folder
from leadline.io.images import write_image

if TYPE_CHECKING:
    from leadline.models.classes.generator import ClassNetwork

_GENERATOR: Final = "generator"
_IMAGES: Final = "images"
_CHUNK: Final = 250
_SHEET: Final = 12
_MOST_IMAGES: Final = 10**7


def classes_render(
    *,
    data: Path,
    output: Path,
    recipe: str = "class-components",
    count: int = 5000,
    seed: int = 1,
    images: int | None = None,
    side: int | None = None,
    steps: int | None = None,
    draw_steps: int = 25,
    guidance: float = 0.0,
) -> None:
    """Train a generator on images of classes, and draw images of each class with it.

    OUTPUT/images/CLASS holds the images, OUTPUT/generator the training run, contact_sheet.png some of each class. A run
    that was stopped goes on from its last checkpoint. `leadline eval synthetic` says what the images are worth.

    Args:
        data: Folder of IDX files (MNIST, Fashion-MNIST), or of CLASS folders, which may lie in train.
        output: Output folder.
        recipe: class-components, diffusion of principal components, for minutes on a CPU; class-diffusion, a U-Net, for
            a GPU; or a YAML file.
        count: Images to draw, as many of each class.
        seed: Of the images to learn from, the training and the drawing.
        images: How many real images are learnt from; 0 for all; the recipe's number if absent.
        side: Pixels a side; of the data if absent.
        steps: Of the training, instead of the recipe's.
        draw_steps: Of denoising, for each image.
        guidance: 0 draws what was learnt; more draws clearer images that vary less.
    """
    if not 1 <= count <= _MOST_IMAGES or not 1 <= draw_steps <= 1000 or not guidance >= 0.0:
        raise InputError(
            f"expected --count from 1 to {_MOST_IMAGES}, --draw-steps from 1 to 1000 and --guidance of at least 0, got "
            f"{count}, {draw_steps} and {guidance}"
        )
    if (output / _IMAGES).exists():
        raise OutputError(f"expected no images yet in {output / _IMAGES}, got some; choose another output folder")
    with needs_extra("train"):
        from leadline.models.classes.generator import load_class_network
        from leadline.training.recipe import load_recipe
        from leadline.training.run import train
    real = open_classes(data, "train", side)
    options: dict[str, Any] = {
        "classes": len(real.names), "side": int(real.images.shape[1]), "channels": int(real.images.shape[3]),
    }  # fmt: skip
    overrides: dict[str, Any] = {"data": str(data), "validation": str(data), "seed": seed}
    overrides |= {name: value for name, value in (("images", images), ("steps", steps)) if value is not None}
    if steps is not None:
        overrides["decay_steps"] = max(1, round(0.7 * steps))
    known = load_recipe(recipe, overrides)
    chosen = load_recipe(recipe, {**overrides, "model_options": {**getattr(known, "model_options", {}), **options}})
    network = load_class_network(train(chosen, output / _GENERATOR))
    _draw(network, real.names, output, count, seed, draw_steps, guidance)


def _draw(
    network: "ClassNetwork", names: tuple[str, ...], output: Path, count: int, seed: int, steps: int, guidance: float
) -> None:
    import torch

    from leadline.models.classes.generator import draw_classes

    labels = np.arange(count) % len(names)
    shown: dict[int, list[np.ndarray]] = {}
    make_output_folder(output)
    with unfinished_folder(output, _IMAGES) as unfinished, scene_progress() as progress:
        task = progress.add_task("drawing images", total=count)
        for start in range(0, count, _CHUNK):
            part = labels[start : start + _CHUNK]
            generator = torch.Generator().manual_seed(int(np.random.SeedSequence((seed, start)).generate_state(1)[0]))
            drawn = draw_classes(network, torch.from_numpy(part), generator, steps, guidance).numpy()
            for number, (label, image) in enumerate(zip(part, drawn, strict=True), start):
                pixels = image[..., 0] if image.shape[2] == 1 else image
                write_image(make_output_folder(unfinished / names[label]) / f"{number:07d}.png", pixels)
                if len(shown.setdefault(int(label), [])) < _SHEET:
                    shown[int(label)].append(image)
            progress.advance(task, len(part))
        unfinished.rename(output / _IMAGES)
    rows = [np.concatenate(shown[label], axis=1) for label in sorted(shown) if len(shown[label]) == _SHEET]
    if rows:
        sheet = np.concatenate(rows).repeat(2, axis=0).repeat(2, axis=1)
        write_image(output / "contact_sheet.png", np.repeat(sheet, 3, axis=2) if sheet.shape[2] == 1 else sheet)
    print(f"{output / _IMAGES}: {count} images of {len(names)} classes; look at {output / 'contact_sheet.png'}")


def synthetic_eval(
    *,
    real: Path,
    generated: Path,
    images: int = 5000,
    seeds: int = 3,
    seed: int = 1,
    steps: int = 600,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
) -> None:
    """What generated images are worth: the accuracy on real test images of a classifier that learnt from them.

    The same small classifier learns from real images, from generated ones and from both, in as many steps, and is
    tested on real test images. Beside it: the Frechet distance of generated from real test images by features of a
    classifier (not Inception's, so no FID of papers), and whether generated images copy training images.

    Args:
        real: Folder of real images, with a part for training and one for testing: IDX files, or train/CLASS and
            test/CLASS.
        generated: Folder of CLASS folders, as `leadline render classes` writes it.
        images: How many real images are learnt from: those that `render classes` learns from with the same --seed.
        seeds: Trainings of each kind; their spread is told.
        seed: Of the choice of real images.
        steps: Of each training.
        json_file: File for all figures.
    """
    with needs_extra("train"):
        from leadline.training.classes.worth import judge_classes
    whole = open_classes(real, "train")
    side, grey = int(whole.images.shape[1]), whole.images.shape[3] == 1
    known = whole.part(whole.balanced(seed)[: images or None])
    test, made = open_classes(real, "test", side, grey), open_classes(generated, "train", side, grey)
    with scene_progress() as progress:
        task = progress.add_task("training classifiers", total=3 * seeds)
        worth = judge_classes(known, _named_alike(made, known), test, seeds, steps, lambda: progress.advance(task))
    values = worth.as_json()
    table = Table("learnt from", "images", "accuracy on real test images", "spread")
    counts = {"real": len(known), "generated": len(made), "both": len(known) + len(made)}
    for name, row in values["accuracy_percent"].items():
        table.add_row(name, str(counts[name]), f"{row['mean']:.1f} %", f"{row['deviation']:.1f}")
    Console().print(table)
    print(
        f"gap {worth.gap:.1f} points over {seeds} seeds; Frechet distance {worth.distance:.3f} (real training images: "
        f"{worth.floor:.3f}); {worth.copies:.1%} as close to a training image as the closest 1 % of real test images; "
        f"distance to the nearest training image {worth.nearest:.2f} times that of real test images"
    )
    if json_file is not None:
        with atomic_write(json_file) as stream:
            stream.write((json.dumps(values, indent=1, allow_nan=False) + "\n").encode())


def _named_alike(made: ClassImages, real: ClassImages) -> ClassImages:
    """Generated images with the real classes' numbers."""
    if set(made.names) != set(real.names):
        return made  # judge_classes says what differs
    number = np.array([real.names.index(name) for name in made.names])
    return ClassImages(made.images, number[made.labels].astype(np.int64), real.names)
