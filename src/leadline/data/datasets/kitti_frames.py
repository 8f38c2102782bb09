"""The frames of KITTI's raw recordings, as the split lists of the field name them."""

import re
from dataclasses import dataclass
from pathlib import Path

from leadline.data.datasets.files import first_file, read_entries
from leadline.errors import InputError

_DRIVE = r"(\d{4}_\d\d_\d\d)/(\1_drive_\d{4}_(?:sync|extract))"
_BY_PATH = re.compile(_DRIVE + r"/image_0([23])/data/(\d{1,10})\.(?:png|jpg)(?:[\s,].*)?")
_BY_NUMBER = re.compile(_DRIVE + r"\s+(\d{1,10})(?:\s+([lr]))?")


@dataclass(frozen=True)
class KittiFrame:
    """One image of a raw recording.

    Args:
        date: Such as 2011_09_26.
        drive: Such as 2011_09_26_drive_0001_sync.
        camera: 2 is the left colour camera, 3 the right one.
        number: The frame's number within the drive.
    """

    date: str
    drive: str
    camera: int
    number: int

    @property
    def key(self) -> str:
        """Date, drive, camera and ten digits."""
        return f"{self.date}/{self.drive}/image_{self.camera:02d}/{self.number:010d}"

    def image(self, root: Path) -> Path:
        """The image under the raw recordings' root: png as published, or jpg as Monodepth2 converts it.

        Raises:
            InputError: If there is neither.
        """
        return first_file(self._candidates(root), "a KITTI image")

    def found(self, root: Path) -> Path | None:
        """The image likewise, or None if there is none."""
        return next((path for path in self._candidates(root) if path.is_file()), None)

    def _candidates(self, root: Path) -> list[Path]:
        folder = root / self.date / self.drive / f"image_{self.camera:02d}" / "data"
        return [folder / f"{self.number:010d}{suffix}" for suffix in (".png", ".jpg")]


def read_kitti_frames(split: Path, annotated: bool = False) -> list[KittiFrame]:
    """The frames of a split list.

    Args:
        split: Each line begins with an image's path (lists of Eigen, Monodepth and BTS: DATE/DRIVE/image_02/data/
            NUMBER.png; what follows is passed over), or is DATE/DRIVE NUMBER [l|r] (lists of Monodepth2; without a
            side: left).
        annotated: Whether to leave out frames for which the list names None as annotated depth, as BTS's lists do.
    Raises:
        InputError: If the list is missing, a line has another form, or all frames are left out.
    Source: Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", NeurIPS 2014.
    """
    lines = read_entries(split, "a KITTI split list")
    kept = [line for line in lines if not (annotated and line.split()[1:2] == ["None"])]
    if not kept:
        raise InputError(
            f"expected frames with annotated depth, got None for all {len(lines)} in {split}; take another"
        )
    return [_parse(line, split) for line in kept]


def _parse(line: str, split: Path) -> KittiFrame:
    found = _BY_PATH.fullmatch(line)
    if found is not None:
        return KittiFrame(found[1], found[2], int(found[3]), int(found[4]))
    found = _BY_NUMBER.fullmatch(line)
    if found is not None:
        return KittiFrame(found[1], found[2], 3 if found[4] == "r" else 2, int(found[3]))
    raise InputError(
        f"expected DATE/DRIVE/image_02/data/NUMBER.png or DATE/DRIVE NUMBER l in each line, got {line[:60]!r} "
        f"in {split}; name a KITTI split list"
    )
