"""Every network can overfit one small rendered pair, and `leadline train` trains and scores it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import default_collate

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.shards import StereoShards
from leadline.data.stereo.stream import StereoBatch, to_tensors
from leadline.data.synthetic.generate import generate_stereo
from leadline.data.synthetic.stereo import render_stereo
from leadline.models.catalog import BUILDERS, build_model
from leadline.models.checkpoint import averaged_weights
from leadline.models.stereo import StereoInference
from leadline.training.run import LOGS_NAME, train
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.supervised import stereo_terms

#: Learning rate of Adam, and steps: a few seconds of one core each.
SCHEDULES = {
    "leadline-fast": (3e-3, 90),
    "plain": (3e-3, 60),
    "unet": (3e-3, 60),
    "resnet": (3e-3, 60),
    "dispnet-s": (1e-3, 90),
    "dispnet-c": (1e-3, 90),
    "psmnet": (5e-3, 80),
    "anynet": (1e-2, 100),
    "edgestereo": (3e-3, 75),
}
#: One network of each kind: the bundled one, an encoder-decoder, and one from coarse to fine.
QUICK = ("leadline-fast", "plain", "anynet")


@pytest.fixture(scope="module")
def table() -> StereoBatch:
    """A table with things on it, 1 to 12 px."""
    sample, _ = render_stereo(1, (64, 128), sensor=False)
    return default_collate([to_tensors(sample)])


def test_one_disparity_for_all_pixels_is_not_enough(table):
    disparity = table["disparity"][table["valid"]]
    assert (disparity - disparity.median()).abs().mean() > 2.0


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BUILDERS]
)
def test_a_pair_is_overfitted_to_less_than_1_px(name, table, recipe):
    torch.manual_seed(0)
    model = build_model(name).train()
    rate, steps = SCHEDULES[name]
    left, right = (table[side].permute(0, 3, 1, 2).float() / 255.0 for side in ("left", "right"))
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        optimizer.zero_grad()
        terms = stereo_terms(model(left, right), table, recipe, model.max_disparity)
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        disparity = model.eval()(left, right).disparity[:, 0]
    assert (disparity - table["disparity"])[table["valid"]].abs().mean() < 1.0


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    generate_stereo(2, 1, folder, workers=0, size=(64, 128))
    return folder


@pytest.mark.parametrize("name", BUILDERS)
def test_a_recipe_trains_it_and_validates_it(name, shards: Path, recipe: StereoRecipe, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("leadline.training.stereo.validation.find_spec", lambda _: None)
    toy = replace(
        recipe,
        model=name,
        data=str(shards),
        validation=str(shards),
        validation_pairs=1,
        steps=1,
        batch_size=2,
        epoch_steps=1,
        validate_epochs=1,
        compile=False,
        workers=0,
        augmentation=StereoAugmentation(crop=(64, 64)),
    )
    checkpoint = train(toy, tmp_path / "run")
    model = build_model(name)
    model.load_state_dict(averaged_weights(checkpoint)[1])
    sample = StereoShards(shards)[0]
    views = (torch.from_numpy(np.ascontiguousarray(view)) for view in (sample.left, sample.right))
    with torch.inference_mode():
        disparity, _ = StereoInference(model).eval()(*views)
    error = np.abs(disparity.numpy() - sample.disparity)[sample.valid]
    events = EventAccumulator(str(tmp_path / "run" / LOGS_NAME)).Reload()
    logged = {score: events.Scalars(f"rendered/{score}")[0].value for score in ("epe", "bad2")}
    assert logged["epe"] == pytest.approx(error.mean(dtype=np.float64), rel=1e-3)
    # One pixel in a thousand may lie on either side of 2 px.
    assert logged["bad2"] == pytest.approx(100.0 * (error > 2.0).mean(), abs=0.1)
