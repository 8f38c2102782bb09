"""Generators of images of classes: what they draw, and what their images are worth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from leadline.apps.cli.main import main
from leadline.data.classes.images import ClassImages, open_classes
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.classes.classifier import SmallClassifier
from leadline.models.classes.component_diffusion import ComponentDiffusion
from leadline.models.classes.generator import draw_classes, load_class_network
from leadline.training.classes.generator import ClassRecipe, training_images
from leadline.training.classes.worth import accuracy_percent, judge_classes, train_classifier
from leadline.training.recipe import load_recipe, make_recipe, resolved
from leadline.training.run import train, validate


def stripes(seed: int, count: int) -> ClassImages:
    """Horizontal stripes, class 0, and vertical ones, class 1, with noise."""
    rng = np.random.default_rng(seed)
    wave = 128 + 80 * np.sin(np.arange(8) * np.pi / 2 + rng.uniform(0, 6.28, (count, 1)))
    labels = np.arange(count) % 2
    images = np.where(labels[:, None, None] == 0, wave[:, :, None], wave[:, None, :]) + rng.normal(0, 6, (count, 8, 8))
    return ClassImages(np.clip(images, 0, 255).astype(np.uint8)[..., None], labels.astype(np.int64), ("across", "down"))


def write(images: ClassImages, folder: Path) -> None:
    for index in range(len(images)):
        place = folder / images.names[images.labels[index]]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{index:03d}.png"), images.images[index])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stripes")
    write(stripes(0, 80), folder / "train")
    write(stripes(1, 40), folder / "test")
    return folder


def toy(data: Path, **changes) -> ClassRecipe:
    values = {
        "method": "classes", "model": "class-components", "data": str(data), "validation": str(data), "images": 60,
        "model_options": {"classes": 2, "side": 8, "channels": 1, "components": 12, "width": 32, "blocks": 1},
        "steps": 400, "batch_size": 32, "decay_steps": 200, "warmup_steps": 10, "epoch_steps": 200, "ema_decay": 0.98,
        "validation_pairs": 4, "compile": False, "workers": 0, "precision": "32-true", "learning_rate": 5e-3,
    }  # fmt: skip
    recipe = make_recipe({**values, **changes}, "a toy")
    assert isinstance(recipe, ClassRecipe)
    return recipe


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory) -> Path:
    return train(toy(data), tmp_path_factory.mktemp("run"))


def test_images_are_drawn_of_the_class_that_is_asked_for(data, checkpoint):
    network = load_class_network(checkpoint)
    labels = torch.arange(60) % 2
    drawn = draw_classes(network, labels, torch.Generator().manual_seed(0), 10).numpy()
    assert drawn.shape == (60, 8, 8, 1)
    # Across: rows differ from each other; down: columns do.
    rows, columns = drawn.mean(axis=2)[..., 0].std(axis=1), drawn.mean(axis=1)[..., 0].std(axis=1)
    right = np.where(labels.numpy() == 0, rows > columns, columns > rows)
    assert right.mean() > 0.9
    again = draw_classes(network, labels, torch.Generator().manual_seed(0), 10).numpy()
    np.testing.assert_array_equal(drawn, again)
    assert validate(toy(data), checkpoint)["velocity"] < 0.9  # a network that says nothing has about 1


def test_a_run_that_was_stopped_ends_with_the_same_weights(data, tmp_path):
    recipe = toy(data, steps=4, decay_steps=1, epoch_steps=2)
    straight = torch.load(train(recipe, tmp_path / "a"), weights_only=True)["state_dict"]
    train(toy(data, steps=2, decay_steps=1, epoch_steps=2), tmp_path / "b")
    resumed = torch.load(train(recipe, tmp_path / "b"), weights_only=True)["state_dict"]
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_components_give_images_back_but_for_the_rest():
    images = torch.from_numpy(stripes(0, 80).images).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    network = ComponentDiffusion(2, 8, 1, components=64, width=8, blocks=1)
    network.fit(images)
    codes = network.encode(images)
    # All components: nothing is left, and codes have the variance 1.
    torch.testing.assert_close(network.decode(codes, torch.Generator()), images, atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.var(dim=0, correction=0), torch.ones(64), atol=1e-2, rtol=0)
    few = ComponentDiffusion(2, 8, 1, components=2, width=8, blocks=1)
    few.fit(images)
    back = few.decode(few.encode(images), torch.Generator().manual_seed(0))
    # What two components leave comes back as noise of its deviation.
    assert float(back.std()) == pytest.approx(float(images.std()), rel=0.1)


def test_the_unet_says_a_velocity_of_the_image():
    network = build_model("class-diffusion", {"classes": 3, "side": 8, "channels": 3, "width": 8})
    drawn = draw_classes(network.eval(), torch.tensor([0, 2]), torch.Generator().manual_seed(0), 2, guidance=1.0)
    assert (drawn.shape, drawn.dtype) == ((2, 8, 8, 3), torch.uint8)


def test_a_classifier_learns_from_copies_as_from_real_images():
    real, test = stripes(0, 80), stripes(1, 60)
    worth = judge_classes(real, real, test, seeds=2, steps=60)
    assert min(worth.accuracy["real"]) > 95.0
    assert worth.gap == 0.0  # the same images and seeds
    assert worth.copies == 1.0
    assert worth.nearest == 0.0
    assert worth.distance == worth.floor
    other = judge_classes(real, stripes(2, 80), test, seeds=1, steps=60)
    assert other.copies < 0.2
    assert other.nearest == pytest.approx(1.0, abs=0.3)


def test_wrong_labels_are_worth_nothing():
    real, test = stripes(0, 80), stripes(1, 60)
    turned = ClassImages(real.images, 1 - real.labels, real.names)
    assert accuracy_percent(train_classifier(turned, 0, 60), test) < 5.0


def test_the_commands_draw_images_and_judge_them(data, tmp_path, capsys):
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(json.dumps({**resolved(toy(data)), "steps": 60}))
    words = ["render", "classes", "--data", str(data), "--recipe", str(recipe), "--count", "24", "--images", "60"]
    assert main([*words, "--output", str(tmp_path / "made"), "--steps", "40", "--draw-steps", "4"]) == 0
    made = open_classes(tmp_path / "made" / "images", grey=True)
    assert (made.names, np.bincount(made.labels).tolist()) == (("across", "down"), [12, 12])
    assert (tmp_path / "made" / "contact_sheet.png").is_file()
    assert main([*words, "--output", str(tmp_path / "made")]) == 2
    assert "no images yet" in capsys.readouterr().err
    judge = ["eval", "synthetic", "--real", str(data), "--generated", str(tmp_path / "made" / "images")]
    assert (
        main([*judge, "--images", "60", "--seeds", "1", "--steps", "20", "--json", str(tmp_path / "worth.json")]) == 0
    )
    values = json.loads((tmp_path / "worth.json").read_text())
    assert values["images"] == {"real": 60, "generated": 24, "test": 40}
    assert set(values["accuracy_percent"]) == {"real", "generated", "both"}
    assert "points over 1 seeds" in capsys.readouterr().out


def test_bundled_recipes_fit_their_networks():
    for name in ("class-components", "class-diffusion"):
        recipe = load_recipe(name)
        assert isinstance(recipe, ClassRecipe)
        network = build_model(recipe.model, recipe.model_options)
        assert (network.side, network.channels) == (28, 1)


def test_what_cannot_be_trained_or_compared_is_refused(data, checkpoint, tmp_path, capsys):
    with pytest.raises(InputError, match="a folder of classes as data"):
        toy(data, validation={"dataset": "redweb", "root": "."})
    with pytest.raises(InputError, match="expected 3 classes"):
        training_images(toy(data, model_options={"classes": 3, "side": 8}))
    with pytest.raises(InputError, match="class-components or class-diffusion"):
        train(toy(data, model="plain", model_options={}), tmp_path / "a")
    with pytest.raises(InputError, match="more images than the 12 components"):
        train(toy(data, images=12), tmp_path / "b")
    with pytest.raises(InputError, match="1 to 64 components"):
        ComponentDiffusion(2, 8, 1, components=65)
    with pytest.raises(InputError, match="at least 2 classes"):
        ComponentDiffusion(1)
    with pytest.raises(InputError, match="at least 2 classes and 1 or 3"):
        build_model("class-diffusion", {"classes": 1})
    with pytest.raises(InputError, match="at least 2 levels"):
        build_model("class-diffusion", {"classes": 2, "levels": 1})
    with pytest.raises(InputError, match="a multiple of 4"):
        build_model("class-diffusion", {"classes": 2, "side": 30})
    with pytest.raises(InputError, match="at least 8 px"):
        SmallClassifier(2, 4, 1)
    with pytest.raises(InputError, match="generated images of the classes across, down"):
        judge_classes(
            stripes(0, 8), ClassImages(np.zeros((2, 4, 4, 1), np.uint8), np.arange(2), ("a", "b")), stripes(1, 8)
        )
    with pytest.raises(InputError, match="at least 2 images"):
        judge_classes(stripes(0, 8), stripes(0, 8), stripes(1, 8), seeds=0)
    assert main(["render", "classes", "--data", str(data), "--output", str(tmp_path / "c"), "--count", "0"]) == 2
    assert "--count from 1" in capsys.readouterr().err
