"""`leadline export`: a trained network leaves torch."""

from pathlib import Path

from leadline.apps.cli.extras import needs_extra
from leadline.errors import InputError, OutputError


def export(
    checkpoint: Path,
    /,
    *,
    output: Path,
    enlarge: float | None = None,
    unguided: bool = False,
    network: str | None = None,
) -> None:
    """Turn a checkpoint of `leadline train` into an ONNX file that `--model` takes.

    The exported network is compared with torch on random images of several sizes; more than 0.02 px apart for stereo,
    or 0.1 % of the range of inverse depth for single images, nothing is written.

    Args:
        checkpoint: What `leadline train` saved, such as runs/leadline-fast/last.ckpt.
        output: The ONNX file; replaced if it exists.
        enlarge: How much larger than it is a stereo network sees an image, instead of the recipe's value: finer, for
            more work. At least 1; rounded to a fraction with a denominator of at most 8.
        unguided: Leave out what a stereo network has learned of being guided by SGBM: less accurate, but faster.
        network: Network of another package that the checkpoint is of, such as mypackage.module:MyNet. Its code is run;
            code that only a checkpoint names is not.
    """
    if output.suffix != ".onnx":
        raise OutputError(f"expected a name that ends in .onnx, got {output.name}; `--model` knows networks by it")
    if enlarge is not None and enlarge < 1:
        raise InputError(f"expected --enlarge of at least 1, got {enlarge}")
    with needs_extra("train"):
        from leadline.export.onnx import export_checkpoint
    difference = export_checkpoint(checkpoint, output, enlarge, not unguided, network)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, within {difference} of torch")
