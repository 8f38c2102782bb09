"""`leadline restyle`: new appearance for rendered pairs."""

from pathlib import Path

from leadline.apps.cli.extras import needs_extra
from leadline.errors import InputError


def restyle(
    shards: Path,
    /,
    *,
    pipeline: Path,
    prompt: str,
    output: Path,
    steps: int = 20,
    seed: int = 1,
    device: str = "cpu",
    max_residual: float = 0.03,
    min_edge_support: float = 1.2,
) -> None:
    """Give rendered pairs a new appearance with their depth and edges kept, through a depth-steered diffusion network.

    The left view is painted, the right one follows from it by the true disparity, and what only the right view sees is
    painted in. Pairs that do not keep the truth are left out and counted, in restyle.json too. A run that was stopped
    goes on where it stopped.

    Args:
        shards: Folder of shards of `leadline render stereo`.
        pipeline: Folder of a StableDiffusionControlNetPipeline of diffusers with a ControlNet for depth.
        prompt: What the images show, in words.
        output: Folder for the new shards.
        steps: Steps of denoising.
        seed: Of the first pair.
        device: As torch names it: cpu, cuda.
        max_residual: Largest mean difference of the two views where both see a point, as a share of white.
        min_edge_support: Least strength of image edges where depth has one, over their strength elsewhere.
    """
    if output.resolve() == shards.resolve():
        raise InputError(f"expected another --output than the rendered shards, got {output}")
    with needs_extra("zoo"):
        from leadline.data.synthetic.restyle import RestyleLimits, restyle_shards
        from leadline.models.zoo.depth_painter import DepthPainter
    limits = RestyleLimits(residual=max_residual, edge_support=min_edge_support)
    painter = DepthPainter(pipeline, prompt, steps, device)
    style: dict[str, object] = {"prompt": prompt, "pipeline": pipeline.name, "steps": steps, "first_seed": seed}
    counts = restyle_shards(shards, output, painter, seed, limits, style)
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "all were finished before"
    print(f"{output}: {told}")
