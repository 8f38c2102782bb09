"""The adaptive robust loss against scipy's integrals and distributions, and what it learns."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from leadline.errors import InputError
from leadline.losses import AdaptiveRobust, adaptive_nll, general_robust, log_partition


def rho(x: float, alpha: float) -> float:
    """Barron's loss of scale 1, as printed."""
    if alpha == 0.0:
        return math.log(0.5 * x * x + 1.0)
    if alpha == 2.0:
        return 0.5 * x * x
    bowl = abs(alpha - 2.0)
    return bowl / alpha * ((x * x / bowl + 1.0) ** (alpha / 2.0) - 1.0)


def float64s(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.3, 0.7, 1.0, 1.5, 1.9, 1.999, 2.0])
def test_partition_is_scipys_integral(alpha):
    # Over log x: towards 0 the tails are as long as Cauchy's.
    half, _ = integrate.quad(lambda u: math.exp(u - rho(math.exp(u), alpha)), -40.0, 40.0, epsrel=1e-12, limit=400)
    assert log_partition(float64s(alpha)).item() == pytest.approx(math.log(2.0 * half), abs=1e-10)


def test_partition_in_closed_form():
    expected = float64s(math.pi * math.sqrt(2.0), 2.0 * math.e * special.k1(1.0), math.sqrt(2.0 * math.pi)).log()
    torch.testing.assert_close(log_partition(float64s(0.0, 1.0, 2.0)), expected, rtol=1e-13, atol=0)
    single = log_partition(float64s(0.0, 1.0, 2.0).half())
    torch.testing.assert_close(single, expected.float())


def test_likelihoods_are_those_of_scipy():
    x, scale = np.linspace(-5.0, 5.0, 11), 1.7
    # exp(-log(z^2 / 2 + 1)) is Cauchy's with its scale times sqrt(2).
    for alpha, expected in ((2.0, stats.norm(scale=scale)), (0.0, stats.cauchy(scale=math.sqrt(2.0) * scale))):
        found = adaptive_nll(torch.from_numpy(x), float64s(alpha), float64s(scale))
        np.testing.assert_allclose(found.numpy(), -expected.logpdf(x), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.5, 1.0, 1.5, 2.0])
def test_shapes_in_a_tensor_give_what_a_number_gives(alpha):
    error = torch.linspace(-6.0, 6.0, 13, dtype=torch.float64)
    torch.testing.assert_close(general_robust(error, float64s(alpha), float64s(1.5)), general_robust(error, alpha, 1.5))


def test_gradients_agree_with_finite_differences():
    error, scale = float64s(-3.0, -0.4, 0.0, 2.0).requires_grad_(), float64s(1.3).requires_grad_()
    for value in (0.01, 0.5, 1.0, 1.7, 1.99):
        alpha = float64s(value).requires_grad_()
        assert torch.autograd.gradcheck(log_partition, (alpha,))
        assert torch.autograd.gradcheck(adaptive_nll, (error, alpha, scale))


@pytest.mark.parametrize("alpha", [-0.01, 2.01, math.nan])
def test_only_between_0_and_2_is_it_a_likelihood(alpha):
    with pytest.raises(InputError, match=r"alpha in \[0, 2\]"):
        log_partition(torch.tensor([1.0, alpha]))


def fitted(*quantiles: np.ndarray) -> AdaptiveRobust:
    """The loss after it alone was trained on one channel of errors for each distribution."""
    errors = torch.from_numpy(np.stack(quantiles)).reshape(1, len(quantiles), 1, -1)
    loss = AdaptiveRobust(len(quantiles)).double()
    optimiser = torch.optim.LBFGS(loss.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(errors, torch.zeros_like(errors), torch.ones_like(errors))
        value.backward()
        return value

    optimiser.step(step)
    return loss


def test_shape_and_scale_follow_the_errors_and_do_not_collapse():
    share = (np.arange(2000) + 0.5) / 2000
    kinds = (stats.norm(scale=3.0), stats.laplace(scale=3.0), stats.cauchy(scale=3.0 * math.sqrt(2.0)))
    loss = fitted(*(kind.ppf(share) for kind in kinds))
    normal, laplace, cauchy = loss.alpha.flatten().tolist()
    assert normal > 1.9
    assert 0.6 < laplace < 1.2
    assert cauchy < 0.1
    # Those of the normal and of Cauchy's distribution are exact members of the family.
    torch.testing.assert_close(loss.scale.flatten()[[0, 2]], float64s(3.0, 3.0), rtol=0.05, atol=0)


def test_adaptive_loss_needs_its_partition_function():
    error = torch.from_numpy(stats.norm.ppf((np.arange(500) + 0.5) / 500))
    bare = [general_robust(error, alpha, 1.0).mean().item() for alpha in (0.0, 1.0, 2.0)]
    full = [adaptive_nll(error, float64s(alpha), float64s(1.0)).mean().item() for alpha in (0.0, 1.0, 2.0)]
    assert bare == sorted(bare)
    assert full == sorted(full, reverse=True)


def test_module_begins_half_way_and_keeps_to_its_range():
    loss = AdaptiveRobust(2, initial_scale=30.0)
    torch.testing.assert_close(loss.alpha, torch.ones(2, 1, 1))
    torch.testing.assert_close(loss.scale, torch.full((2, 1, 1), 30.0))
    with torch.no_grad():
        loss.latent_alpha.fill_(-200.0)
        loss.latent_scale.fill_(-200.0)
    assert loss.alpha[0].item() == pytest.approx(0.001)
    assert loss.scale[0].item() == pytest.approx(1e-5)
    values = torch.ones(1, 2, 3, 3)
    assert loss(values, 2.0 * values, values).isfinite()


def test_no_weight_is_no_loss_and_what_lies_there_does_not_matter():
    loss = AdaptiveRobust(2)
    prediction = torch.rand(1, 2, 3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    missing = torch.full_like(prediction, torch.nan)
    nothing = loss(prediction, missing, torch.zeros_like(prediction))
    nothing.backward()
    assert nothing.item() == 0.0
    assert not prediction.grad.any()
    assert not loss.latent_alpha.grad.any()
    weight = torch.ones_like(prediction)
    weight[..., 1:] = 0.0
    truth = torch.zeros_like(prediction).where(weight > 0, torch.nan)
    found = loss(prediction, truth, weight)
    found.backward()
    nll = adaptive_nll(prediction.detach()[..., :1], loss.alpha, loss.scale).mean()
    torch.testing.assert_close(found, nll)
    assert prediction.grad.isfinite().all()
    assert loss.latent_scale.grad.isfinite().all()
    strided = prediction.detach().mT.contiguous().mT
    torch.testing.assert_close(loss(strided, truth, weight), found)
    half = loss(prediction.detach().half(), truth.half(), weight.half())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, found, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, "at least 1 channel"),
        ({"lowest_alpha": -0.1}, "lowest_alpha < highest_alpha"),
        ({"lowest_alpha": 1.0, "highest_alpha": 1.0}, "lowest_alpha < highest_alpha"),
        ({"highest_alpha": 2.1}, "lowest_alpha < highest_alpha"),
        ({"lowest_scale": 0.0}, "lowest_scale < initial_scale"),
        ({"initial_scale": 1e-5}, "lowest_scale < initial_scale"),
    ],
)
def test_bounds_must_be_in_order(settings, message):
    with pytest.raises(InputError, match=message):
        AdaptiveRobust(**settings)
