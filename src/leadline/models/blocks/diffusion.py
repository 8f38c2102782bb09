"""What all diffusion networks share: the schedule of noise, the velocity, and the way back from noise."""

from collections.abc import Callable
from typing import Any, Final

from jaxtyping import Float, Int
from torch import Tensor

from leadline.models.extras import from_zoo_extra

DIFFUSION_STEPS: Final = 1000
"""Steps from a clean signal to pure noise."""


def noise_schedule(largest: float = 1.0) -> Any:  # noqa: ANN401 - diffusers' DDIMScheduler
    """The scheduler for training and for drawing: cosine, velocity, and nothing but noise at the last step.

    Without that, or without trailing steps, a drawing would start from noise that training never saw.

    Args:
        largest: Clean signals lie between its negative and it.
    Raises:
        MissingExtraError: If diffusers is not installed.
    Source: Nichol and Dhariwal 2021 (cosine); Salimans and Ho 2022 (velocity); Lin et al. 2024, "Common Diffusion Noise
        Schedules and Sample Steps are Flawed" (the last step).
    """
    return from_zoo_extra("diffusers").DDIMScheduler(
        num_train_timesteps=DIFFUSION_STEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=True,
        clip_sample_range=largest,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )


def clean_from_velocity(
    schedule: Any,  # noqa: ANN401 - diffusers' DDIMScheduler
    noisy: Float[Tensor, "b c h w"],
    velocity: Float[Tensor, "b c h w"],
    step: Int[Tensor, " b"],
) -> Float[Tensor, "b c h w"]:
    """Clean signal from a noisy one and its velocity: alpha z - sigma v.

    Args:
        schedule: As `noise_schedule` gives it.
        noisy: z = alpha x + sigma noise.
        velocity: v = alpha noise - sigma x.
        step: Of each image.
    Source: Salimans and Ho 2022, "Progressive Distillation for Fast Sampling of Diffusion Models", appendix D.
    """
    signal = schedule.alphas_cumprod.to(noisy)[step].reshape(-1, 1, 1, 1)
    return signal.sqrt() * noisy - (1.0 - signal).sqrt() * velocity


def denoised(
    velocity_of: Callable[[Tensor, Tensor], Tensor], start: Float[Tensor, "b *code"], steps: int, largest: float = 1.0
) -> Float[Tensor, "b *code"]:
    """A signal drawn from noise by DDIM without noise of its own: one start, one signal.

    Args:
        velocity_of: The network: noisy signals and the step of each to their velocities.
        start: Noise.
        steps: Of denoising, from 1 to 1000.
        largest: As for `noise_schedule`.
    Source: Song et al. 2021 (DDIM).
    """
    schedule = noise_schedule(largest)
    schedule.set_timesteps(steps)
    code = start
    for step in schedule.timesteps:
        velocity = velocity_of(code, step.to(start.device).expand(len(start)))
        code = schedule.step(velocity, step, code, use_clipped_model_output=True).prev_sample
    return code.clamp(-largest, largest)
