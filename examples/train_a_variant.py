"""Train a network of your own: render data, train, validate, export, run.

    python examples/train_a_variant.py

The network is a class of this file. A recipe names it as `model: train_a_variant:SmallMatcher`; nothing in leadline is
changed. The numbers are tiny, so that the script takes a minute; the tutorial has those of the bundled networks.
"""

import argparse
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from leadline.apps.cli.main import main as leadline
from leadline.data.synthetic.generate import generate_stereo
from leadline.io import make_output_folder, write_image
from leadline.models.stereo.prediction import StereoPrediction
from leadline.ops import correlation_volume, soft_argmin
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.training.recipe import load_recipe
from leadline.training.run import train, validate

NETWORK = "train_a_variant:SmallMatcher"
RECIPE = """\
model: train_a_variant:SmallMatcher
model_options: {{channels: 16}}
data: {folder}/train
validation: {folder}/validation
steps: {steps}
batch_size: 2
warmup_steps: 2
decay_steps: 4
epoch_steps: 4
validate_epochs: 2
ema_decay: 0.5
compile: false
workers: 0
precision: 32-true
augmentation:
  crop: [64, 128]
"""


class SmallMatcher(nn.Module):
    """Features at 1/4, a volume of their cosines, and the expected disparity.

    Args:
        channels: Features of each pixel.
        max_disparity: Largest disparity in px.
    """

    input_stride = 4

    def __init__(self, channels: int = 16, max_disparity: int = 192) -> None:
        super().__init__()
        self.max_disparity = max_disparity
        self.features = nn.Sequential(
            nn.Conv2d(3, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.sharpness = nn.Parameter(20.0 * Tensor([1.0]))

    def forward(self, left: Tensor, right: Tensor) -> StereoPrediction:
        """Disparity of a rectified pair of RGB images in [0, 1]; sizes are multiples of 4."""
        ours, theirs = (functional.normalize(self.features(view), dim=1) for view in (left, right))
        scores = self.sharpness * correlation_volume(ours, theirs, self.max_disparity // 4)
        quarter = 4.0 * soft_argmin(-scores)
        full = functional.interpolate(quarter, scale_factor=4.0, mode="bilinear", align_corners=False)
        return StereoPrediction(full, scores=scores)


def main() -> int:
    """Render, train, validate, export, and run the exported file on the Motorcycle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("my-variant"))
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    folder = make_output_folder(options.output)

    generate_stereo(4, seed=1, output=folder / "train", workers=0, size=(96, 192))
    generate_stereo(2, seed=900000, output=folder / "validation", workers=0, size=(96, 192))
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder, steps=options.steps))
    recipe = load_recipe(folder / "recipe.yaml")
    checkpoint = train(recipe, folder / "run")
    for name, value in validate(recipe, checkpoint).items():
        print(f"{name} {value:.3g}")

    scene, _ = motorcycle()
    write_image(folder / "im0.png", scene.left)
    write_image(folder / "im1.png", scene.right)
    network = folder / "small-matcher.onnx"
    words = ["export", str(checkpoint), "--output", str(network), "--network", NETWORK]
    code = leadline(words)
    pair = [str(folder / name) for name in ("im0.png", "im1.png")]
    return code or leadline(
        ["stereo", *pair, "--model", str(network), "--output", str(folder / "result"), "--overwrite"]
    )


if __name__ == "__main__":
    raise SystemExit(main())
