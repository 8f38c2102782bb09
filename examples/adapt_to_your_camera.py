"""Adapt leadline-fast to a camera by its own recordings, without any depth.

    python examples/adapt_to_your_camera.py
    python examples/adapt_to_your_camera.py --recordings FOLDER --steps 100 --rehearsed 60

FOLDER holds rectified pairs: left/ and right/ with equally many images. Without it, the recordings are rendered.
`leadline adapt` exports the adapted network only if it explains held-out pairs better than the original.
"""

import argparse
import json
from pathlib import Path

from leadline.apps.cli.main import main as leadline
from leadline.data.synthetic.stereo import render_stereo
from leadline.io import make_output_folder, write_image


def render_recordings(folder: Path, count: int) -> None:
    """Pairs of different rendered scenes, without their truth."""
    for seed in range(count):
        sample, _ = render_stereo(500 + seed, (128, 256))
        for side, view in (("left", sample.left), ("right", sample.right)):
            write_image(make_output_folder(folder / side) / f"{seed:03}.png", view)


def main() -> int:
    """Adapt, and print the scores of the held-out pairs before and after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rehearsed", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("my-adaptation"))
    options = parser.parse_args()
    recordings = options.recordings or options.output / "recordings"
    if options.recordings is None:
        render_recordings(recordings, 4)
    adapted = options.output / "adapted"
    words = ["adapt", str(recordings), "--output", str(adapted), "--overwrite"]
    code = leadline([*words, "--steps", str(options.steps), "--rehearsed", str(options.rehearsed), "--holdout", "0.5"])
    if code == 0:
        print(json.dumps(json.loads((adapted / "summary.json").read_text()), indent=1))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
