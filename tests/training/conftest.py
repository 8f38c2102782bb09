"""A recipe that trains in seconds."""

from typing import Any

import pytest

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.synthetic.generate import generate_stereo
from leadline.training.stereo.recipe import StereoRecipe


@pytest.fixture(autouse=True)
def _without_motorcycle(monkeypatch: pytest.MonkeyPatch):
    """Leaves the large Motorcycle pair out of the validation, which every run ends with."""
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda name: None)


@pytest.fixture(scope="session")
def short_run() -> dict[str, Any]:
    """Options of a recipe whose run ends after four steps."""
    return {
        "validation_pairs": 1,
        "steps": 4,
        "batch_size": 2,
        "warmup_steps": 1,
        "decay_steps": 1,
        "epoch_steps": 2,
        "validate_epochs": 100,
        "compile": False,
        "workers": 0,
    }


@pytest.fixture(scope="session")
def toy_recipe(tmp_path_factory: pytest.TempPathFactory, short_run: dict[str, Any]) -> StereoRecipe:
    data = tmp_path_factory.mktemp("rendered")
    generate_stereo(4, 1, data, workers=0, size=(96, 128))
    return StereoRecipe(
        model="leadline-fast",
        data=str(data),
        validation=str(data),
        **short_run,
        augmentation=StereoAugmentation(crop=(64, 96)),
    )
