"""FlyingThings3D: optical flow between consecutive frames of flying objects."""

from pathlib import Path
from typing import Final, Literal, final

import numpy as np

from leadline.data.datasets.files import find_files, name_in, require_size
from leadline.io.images import read_image
from leadline.io.pfm import read_colour_pfm
from leadline.maps import FlowMap
from leadline.samples import FlowSample

_AHEAD: Final = "OpticalFlowIntoFuture_"
_BACK: Final = "OpticalFlowIntoPast_"


@final
class FlyingThings3DFlow:
    """The full set, left view, both directions of time.

    Flow: dense, in pixels, in the first two channels of a PFM; NaN and inf are unknown. Which pixels the other frame
    does not show is not published.

    Licence: research only.
    Source: Mayer et al., "A Large Dataset to Train Convolutional Networks for Disparity, Optical Flow, and Scene Flow
    Estimation", CVPR 2016; lmb.informatik.uni-freiburg.de, Scene Flow datasets.

    Args:
        root: frames_cleanpass/TRAIN/A/0000/left/0006.png and 0007.png,
            optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm and
            into_past/left/OpticalFlowIntoPast_0007_L.pfm.
        split: TRAIN or TEST.
        render_pass: clean, or final with its blur.
    Raises:
        InputError: If there is no such folder or no flow in it.
    """

    def __init__(
        self, root: Path, split: Literal["TRAIN", "TEST"] = "TRAIN", render_pass: Literal["clean", "final"] = "clean"
    ) -> None:
        self._frames, self._truth = root / f"frames_{render_pass}pass", root / "optical_flow"
        found = find_files(self._truth, f"{split}/*/*/into_future/left/{_AHEAD}*_L.pfm")
        # The last frame of a film has a flow, but no frame after it.
        self._flows = [path for path in found if self._frame(path, 1).is_file()]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._flows)

    def key(self, index: int) -> str:
        """Name of a sample: TRAIN/A/0000/0006."""
        path = self._flows[index]
        return f"{name_in(self._truth, path.parents[2])}/{self._number(path):04d}"

    def __getitem__(self, index: int) -> FlowSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        path = self._flows[index]
        first, second = (read_image(self._frame(path, step)).pixels for step in (0, 1))
        back = path.parents[2] / "into_past" / "left" / f"{_BACK}{self._number(path) + 1:04d}_L.pfm"
        size = first.shape[:2]
        backward = _flow(back, size) if back.is_file() else None
        return FlowSample(self.key(index), first, second, _flow(path, size), backward=backward)

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.stem.removeprefix(_AHEAD).removesuffix("_L"))

    def _frame(self, path: Path, step: int) -> Path:
        """Frame of a flow's time, or some steps later."""
        folder = self._frames / path.parents[2].relative_to(self._truth)
        return folder / "left" / f"{self._number(path) + step:04d}.png"


def _flow(path: Path, size: tuple[int, int]) -> FlowMap:
    values = read_colour_pfm(path)[..., :2]
    require_size(path, values.shape[:2], size)
    known = np.asarray(np.isfinite(values).all(axis=2))
    return FlowMap(np.where(known[..., None], values, np.float32(0.0)), known)
