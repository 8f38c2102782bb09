"""Options of networks: checked by name and type, and each does what it says."""

import pytest
import torch

from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.stereo import LeadlineFast, StereoPrediction


def predict(**options) -> tuple[LeadlineFast, StereoPrediction]:
    torch.manual_seed(0)
    model = LeadlineFast(max_disparity=32, **options)
    return model, model(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))


@pytest.mark.parametrize(("stages", "strides"), [(1, [4]), (2, [4, 2]), (3, [4, 2])])
def test_a_network_of_fewer_stages_ends_earlier(stages: int, strides: list[int]):
    model, found = predict(stages=stages)
    assert found.disparity.shape == (1, 1, 64, 96)
    assert [96 // coarse.shape[3] for coarse in found.coarse] == strides
    assert (found.confidence_logit is None) == (stages < 3)
    found.disparity.mean().backward()
    used = {name.partition(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert ("selection" in used, "refinement" in used) == (stages > 1, stages > 2)


@pytest.mark.parametrize("stages", [1, 2])
def test_network_of_fewer_stages_returns_disparity_in_input_pixels(stages: int):
    _, found = predict(stages=stages)
    if stages == 2:
        torch.testing.assert_close(found.disparity[..., ::2, ::2], found.coarse[-1])
    else:  # a convex mixture of what the volume found, in pixels of the image
        assert found.coarse[0].min() - 1e-3 <= found.disparity.min() <= found.disparity.max()
        assert found.disparity.max() <= found.coarse[0].max() + 1e-3


def test_option_norm_batch_replaces_instance_norm_in_the_features():
    kinds = {
        norm: {type(layer).__name__ for layer in predict(norm=norm)[0].features.modules() if "Norm" in str(type(layer))}
        for norm in ("instance", "batch")
    }
    assert kinds == {"instance": {"InstanceNorm"}, "batch": {"BatchNorm2d"}}


def test_inner_products_grow_with_the_features_and_cosines_do_not():
    grown = {}
    for similarity in ("cosine", "product"):
        torch.manual_seed(0)
        model = LeadlineFast(max_disparity=32, similarity=similarity).eval()
        model.hourglass.out.weight.data.zero_()
        model.hourglass.out.bias.data.zero_()
        model.unseen.data.zero_()
        model.match.bias.data.zero_()
        image = torch.rand(1, 3, 64, 96)
        before = model(image, image).scores
        model.match.weight.data.mul_(2.0)
        grown[similarity] = (model(image, image).scores / before)[0, 0, 8, 8].detach().item()
    assert grown == pytest.approx({"cosine": 1.0, "product": 4.0}, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("leadline-fast", {"norms": "batch"}, "options of leadline-fast among max_disparity, norm, similarity, stages"),
        ("leadline-fast", {"norm": "layer"}, "instance or batch for leadline-fast's norm, got 'layer'"),
        ("leadline-fast", {"stages": 4}, "1 or 2 or 3 for leadline-fast's stages, got 4"),
        ("plain", {"max_disparity": 1.5}, r"int for plain's max_disparity, got 1\.5"),
        ("plain", {"max_disparity": True}, "int for plain's max_disparity, got True"),
    ],
)
def test_an_option_that_there_is_not_is_refused(name: str, options, message: str):
    with pytest.raises(InputError, match=message):
        build_model(name, options)


def test_an_option_reaches_the_network():
    assert build_model("plain", {"max_disparity": 64}).max_disparity == 64
