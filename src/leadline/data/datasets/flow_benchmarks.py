"""The benchmarks of optical flow as sources: MPI Sintel, KITTI and Middlebury.

Their layouts are those that `leadline eval flow` finds in a folder, too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, final

from leadline.protocols.flow.scenes import FlowFiles, find_flow_scenes
from leadline.samples import FlowSample


@final
class FlowPairs:
    """Pairs of frames with true flow, read when they are asked for.

    Args:
        files: Files of each pair.
    """

    def __init__(self, files: Sequence[FlowFiles]) -> None:
        self._files = tuple(files)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._files)

    def key(self, index: int) -> str:
        """Name of a sample."""
        return self._files[index].name

    def __getitem__(self, index: int) -> FlowSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or damaged, or the sizes differ.
        """
        return self._files[index].load()


def open_sintel(root: Path, render_pass: Literal["clean", "final"] = "final") -> FlowPairs:
    """MPI Sintel's training pairs: dense flow with occlusions and pixels that leave the frame.

    Licence: images CC BY 3.0 (Blender Foundation, durian.blender.org); flow published for research.
    Source: Butler et al., "A Naturalistic Open Source Movie for Optical Flow Evaluation", ECCV 2012;
    sintel.is.tue.mpg.de.

    Args:
        root: training/final/FILM/frame_0001.png, beside flow, occlusions and invalid.
        render_pass: clean, or final with its blur.
    Raises:
        InputError: If there is no such folder or no flow in it.
    """
    return FlowPairs(find_flow_scenes(root / "training" / render_pass))


def open_kitti(root: Path) -> FlowPairs:
    """KITTI's training pairs: sparse flow of streets, on all pixels with truth and on visible ones.

    Licence: CC BY-NC-SA 3.0.
    Source: Geiger et al., CVPR 2012; Menze and Geiger, "Object Scene Flow for Autonomous Vehicles", CVPR 2015;
    cvlibs.net.

    Args:
        root: The kit of 2012 or of 2015: training/flow_occ/000000_10.png, flow_noc, and image_2, colored_0 or image_0.
    Raises:
        InputError: If there is no such folder or no flow in it.
    """
    return FlowPairs(find_flow_scenes(root))


def open_middlebury(root: Path) -> FlowPairs:
    """Middlebury's pairs with public truth: dense flow of small motions.

    Licence: none stated; published for research.
    Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011;
    vision.middlebury.edu/flow.

    Args:
        root: other-data/Grove2/frame10.png and frame11.png, beside other-gt-flow/Grove2/flow10.flo; or folders that
            hold all three.
    Raises:
        InputError: If there is no such folder or no flow in it.
    """
    inner = root / "other-data"
    return FlowPairs(find_flow_scenes(inner if inner.is_dir() else root))
