"""Diffusion depth: the code of depth, the velocity, the field of view, and what is drawn."""

import math

import numpy as np
import pytest
import torch

from leadline.errors import InputError, MissingExtraError
from leadline.geometry.camera import Pinhole
from leadline.models import extras
from leadline.models.blocks.diffusion import clean_from_velocity, noise_schedule
from leadline.models.catalog import build_model
from leadline.models.mono.diffusion_depth import DiffusionDepth, draw
from leadline.models.mono.diffusion_sampler import DiffusionSampler
from leadline.models.mono.log_depth import LogDepthRange
from leadline.models.zoo import DiffusionOptions

pytest.importorskip("diffusers", reason='no diffusers: pip install "leadline[zoo]"')

STEPS = torch.tensor([0, 500, 998, 999])


class Prescribed(torch.nn.Module):
    """Knows the answer for each image of a batch, and says the velocity that leads there."""

    def __init__(self, answers: torch.Tensor) -> None:
        super().__init__()
        self.answers, self.schedule = torch.nn.Parameter(answers), noise_schedule()
        self.fields: list[float] = []
        self.input_stride = 8

    def forward(self, image, noisy, step, tan_half_fov):
        self.fields.append(float(tan_half_fov[0]))
        signal = self.schedule.alphas_cumprod[step].reshape(-1, 1, 1, 1)
        noise = (noisy - signal.sqrt() * self.answers) / (1 - signal).sqrt()
        return signal.sqrt() * noise - (1 - signal).sqrt() * self.answers


def test_the_code_of_depth_is_logarithmic():
    # 1 to 100 m: 10 m is half way on a logarithmic scale, sqrt(10) m a quarter.
    code = LogDepthRange(1.0, 100.0)
    metres = torch.tensor([1.0, math.sqrt(10.0), 10.0, 100.0])
    expected = torch.tensor([-1.0, -0.5, 0.0, 1.0])
    torch.testing.assert_close(code.encode(metres), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(code.decode(expected), metres)
    torch.testing.assert_close(code.encode(torch.tensor([0.2, 1e4])), torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 1.0), (1.0, math.inf)])
def test_no_range_of_depth_is_refused(ends):
    with pytest.raises(InputError, match="0 < nearest_m < farthest_m"):
        LogDepthRange(*ends)


def test_depth_and_noise_come_back_from_the_velocity():
    schedule = noise_schedule()
    clean, noise = torch.randn(2, 4, 1, 3, 5, generator=torch.Generator().manual_seed(0))
    noisy, velocity = schedule.add_noise(clean, noise, STEPS), schedule.get_velocity(clean, noise, STEPS)
    torch.testing.assert_close(clean_from_velocity(schedule, noisy, velocity, STEPS), clean, atol=1e-5, rtol=0)
    signal = schedule.alphas_cumprod[STEPS].reshape(-1, 1, 1, 1)
    back = signal.sqrt() * velocity + (1 - signal).sqrt() * noisy
    torch.testing.assert_close(back, noise, atol=1e-5, rtol=0)


def test_the_last_step_is_nothing_but_noise():
    schedule = noise_schedule()
    clean, noise = torch.full((1, 1, 2, 2), 0.7), torch.randn(1, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    last = torch.tensor([999])
    torch.testing.assert_close(schedule.add_noise(clean, noise, last), noise)
    torch.testing.assert_close(schedule.get_velocity(clean, noise, last), -clean)
    schedule.set_timesteps(4)
    assert schedule.timesteps.tolist() == [999, 749, 499, 249]


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_an_exact_velocity_draws_the_exact_depth(steps):
    answer = torch.linspace(-1.0, 1.0, 12).reshape(1, 1, 3, 4)
    drawn = draw(Prescribed(answer), torch.zeros(1, 3, 3, 4), torch.ones(1), steps, torch.Generator().manual_seed(5))
    torch.testing.assert_close(drawn, answer, atol=1e-4, rtol=0)


def test_the_field_of_view_changes_the_answer():
    torch.manual_seed(0)
    network = build_model("diffusion-depth", {"width": 8}).eval()
    image, noisy = torch.rand(1, 3, 16, 24), torch.randn(1, 1, 16, 24)
    step = torch.tensor([500])
    with torch.no_grad():
        narrow, again, wide = (network(image, noisy, step, torch.tensor([tan])) for tan in (0.3, 0.3, 0.6))
    assert torch.equal(narrow, again)
    assert narrow.shape == (1, 1, 16, 24)
    assert (wide - narrow).abs().max() > 1e-3


def test_the_median_of_the_draws_and_their_agreement():
    # Their median is 10 m; 10.5 m is within 10 % of it, 11.5 m and 4 m are not.
    code = LogDepthRange(0.1, 1000.0)
    metres = torch.tensor([10.0, 10.0, 10.5, 11.5, 4.0])
    answers = code.encode(metres).reshape(5, 1, 1, 1).expand(5, 1, 8, 16)
    network = Prescribed(answers.contiguous())
    method = DiffusionSampler(network, code, 8 * 16, DiffusionOptions(2, 5))
    camera = Pinhole(50.0, 40.0, 9.5, 4.5, 10, 20)
    depth = method(np.zeros((10, 20, 3), np.uint8), camera)
    assert (depth.kind, depth.camera) == ("metric", camera)
    assert network.fields == pytest.approx([10 / 80, 10 / 80])
    np.testing.assert_allclose(depth.depth, np.full((10, 20), 10.0), rtol=1e-3)
    np.testing.assert_allclose(depth.confidence, np.full((10, 20), 3 / 5), rtol=1e-6)


def test_without_a_camera_depth_has_no_scale():
    network = Prescribed(torch.zeros(1, 1, 8, 16))
    depth = DiffusionSampler(network, LogDepthRange(1.0, 100.0), 8 * 16)(np.zeros((8, 16), np.uint8))
    assert (depth.kind, depth.confidence, depth.camera) == ("up_to_scale", None, None)
    assert network.fields == pytest.approx([math.tan(math.radians(27.5))] * 4)
    np.testing.assert_allclose(depth.depth, np.full((8, 16), 10.0), rtol=1e-3)


def test_the_seed_decides_what_is_drawn():
    torch.manual_seed(0)
    network = DiffusionDepth(8).eval()
    image = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    one, same, other = (
        DiffusionSampler(network, LogDepthRange(), 16 * 24, DiffusionOptions(1, seed=seed))(image).depth
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="at most 1000 steps, got 1001"):
        DiffusionSampler(torch.nn.Identity(), LogDepthRange(), 64, DiffusionOptions(1001))
    method = DiffusionSampler(torch.nn.Identity(), LogDepthRange(), 64)
    with pytest.raises(InputError, match=r"camera of the image's size \(8, 8\), got \(16, 8\)"):
        method(np.zeros((8, 8, 3), np.uint8), Pinhole(9.0, 9.0, 3.5, 7.5, 16, 8))
    with pytest.raises(InputError, match="8-bit"):
        method(np.zeros((8, 8, 2), np.uint8))
    with pytest.raises(InputError, match="width that is a multiple of 8, got 12"):
        DiffusionDepth(12)
    with pytest.raises(InputError, match="at least 2 levels, got 1"):
        DiffusionDepth(8, levels=1)


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"the package diffusers, found none; .*leadline\[zoo\]"):
        DiffusionDepth(8)
