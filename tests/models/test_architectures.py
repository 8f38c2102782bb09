"""What every network of the catalog keeps, and what is special to one."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from leadline.errors import InputError
from leadline.models.blocks import enlarge
from leadline.models.catalog import BUILDERS, build_model
from leadline.models.stereo import StereoInference, StereoModel
from leadline.models.stereo.anynet import AnyNet
from leadline.models.stereo.edgestereo import EdgeStereo
from leadline.runtime.graph import StereoGraph
from leadline.training.stereo.supervised import stereo_terms

#: Of the networks whose graph is compared, those that are traced in less than 20 s.
QUICKLY_EXPORTED = ("plain", "unet")


def random_pair(batch: int, height: int, width: int) -> torch.Tensor:
    return torch.rand((2, batch, 3, height, width), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("size", [(2, 64, 64), (1, 64, 128)])
def test_a_disparity_for_every_pixel(name, size):
    model = build_model(name).eval()
    assert isinstance(model, StereoModel)
    assert 64 % model.input_stride == 0
    with torch.inference_mode():
        prediction = model(*random_pair(*size))
    assert prediction.disparity.shape == (size[0], 1, *size[1:])
    for disparity in (*prediction.coarse, prediction.disparity):
        assert disparity.isfinite().all()
        assert ((disparity >= 0) & (disparity < 1.1 * model.max_disparity)).all()
    rows = [disparity.shape[2] for disparity in prediction.coarse]
    assert rows == sorted(rows)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_weight_learns(name, batch, recipe):
    torch.manual_seed(0)
    model = build_model(name).train()
    left, right = (batch[side].permute(0, 3, 1, 2).float() / 255.0 for side in ("left", "right"))
    torch.stack(list(stereo_terms(model(left, right), batch, recipe, model.max_disparity).values())).sum().backward()
    gradients = {weight: p.grad for weight, p in model.named_parameters()}
    assert [weight for weight, gradient in gradients.items() if gradient is None] == []
    assert all(gradient.isfinite().all() for gradient in gradients.values())


@pytest.mark.parametrize("name", BUILDERS)
def test_two_processor_cores_can_train_it(name):
    model = build_model(name).eval()
    assert sum(p.numel() for p in model.parameters()) < 2_000_000
    # Convolutions and volumes take work in proportion to the pixels: 64x64 is a 50th of 320x640.
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(*random_pair(1, 64, 64))
    assert counter.get_total_flops() * 50 < 15e9


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICKLY_EXPORTED else pytest.param(name, marks=pytest.mark.slow)
        for name in BUILDERS
        if name != "leadline-fast"
    ],
)
def test_the_exported_graph_does_what_torch_does(name, tmp_path: Path):
    path = tmp_path / "network.onnx"
    # In a process of its own: tracing a network whose every call is type-checked takes minutes.
    code = (
        "import torch\n"
        "from leadline.export.onnx import export_network\n"
        "from leadline.models.catalog import build_model\n"
        "from leadline.models.stereo import StereoInference\n"
        "torch.manual_seed(0)\n"
        f"print(export_network(StereoInference(build_model({name!r})), 'stereo', {str(path)!r}))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 0.02
    assert [layer.name for layer in onnx.load(path).graph.output] == ["disparity"]
    torch.manual_seed(0)
    inference = StereoInference(build_model(name)).eval()
    left, right = np.random.default_rng(1).integers(0, 256, (2, 40, 70, 3), dtype=np.uint8)
    with torch.inference_mode():
        disparity, confidence = inference(torch.from_numpy(left), torch.from_numpy(right))
    session = StereoGraph(path, threads=1)
    found, unknown = session(left, right)
    assert confidence is None
    assert not session.has_confidence
    assert session.max_disparity == inference.max_disparity
    np.testing.assert_allclose(found, disparity.numpy(), atol=0.02)
    assert (unknown == 0.5).all()


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_anynet_stops_early_with_what_the_full_run_had_there(stages):
    torch.manual_seed(0)
    model = AnyNet().eval()
    pair = random_pair(1, 64, 96)
    with torch.inference_mode():
        full, early = model(*pair), model(*pair, stages=stages)
        asked = list(islice(model.anytime(*pair), stages))
    assert [16, 8, 4, 2] == [64 // disparity.shape[2] for disparity in full.coarse]
    assert len(early.coarse) == stages
    for found, wanted, one in zip(early.coarse, full.coarse, asked, strict=False):
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(one, wanted)
    torch.testing.assert_close(early.disparity, enlarge(full.coarse[stages - 1], model.strides[stages - 1]))


def test_anynet_does_less_where_it_stops_early():
    model = AnyNet().eval()
    work: list[int] = []
    for stages in (1, 2, 3, 4):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(*random_pair(1, 64, 96), stages=stages)
        work.append(counter.get_total_flops())
    assert work == sorted(set(work))
    assert work[0] < 0.4 * work[-1]


@pytest.mark.parametrize("stages", [0, 5])
def test_anynet_refuses_stages_that_it_does_not_have(stages):
    with pytest.raises(InputError, match=f"1 to 4 stages of AnyNet, got {stages}"):
        AnyNet()(*random_pair(1, 32, 32), stages=stages)


def test_edgestereo_finds_edges_of_the_left_image_at_full_resolution():
    torch.manual_seed(0)
    model = EdgeStereo().eval()
    left, right = random_pair(2, 64, 96)
    with torch.inference_mode():
        edges, others = model(left, right).edges_logit, model(left, right.flip(0)).edges_logit
    assert edges.shape == (2, 1, 64, 96)
    torch.testing.assert_close(edges, others)


def test_edgestereo_edges_guide_the_disparity():
    model = EdgeStereo().eval()
    model(*random_pair(1, 64, 64)).disparity.sum().backward()
    assert model.edges.fuse.weight.grad.abs().sum() > 0
