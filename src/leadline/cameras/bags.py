"""Recordings of ROS 1 and 2 and MCAP files, by rosbags and mcap: no ROS is needed."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, final

from leadline.cameras.address import Address
from leadline.cameras.bag_images import CAMERA_INFO, COMPRESSED, IMAGE, camera_info, message_pixels, message_time_s
from leadline.cameras.bag_recovery import CutOffMcap
from leadline.cameras.extras import load_sdk
from leadline.cameras.frame import FrameMeta, StereoFrame
from leadline.cameras.pace import PACES, Pace
from leadline.cameras.pairing import TimePairs
from leadline.errors import CalibrationError, InputError, LeadlineError
from leadline.geometry.rig import StereoRig, UnrectifiedRig
from leadline.io.calib_ros import parse_camera_infos
from leadline.io.pair_files import differs_by_side

_RECTIFIED: Final = re.compile(r"(?<![a-z])rect", re.IGNORECASE)
"""image_rect and image_rectified, but neither "unrectified" nor "direct"."""
_MOST_LISTED: Final = 12


@final
class BagPairs:
    """Pairs of two image topics of a recording, paired by the times in their headers.

    Args:
        address: `bag:PLACE`, a ROS 1 .bag, a folder of ROS 2, an .mcap or a .db3; with left=TOPIC and right=TOPIC where
            their names do not tell, and pace (free: every pair; real: each at its moment).
    Raises:
        MissingExtraError: If rosbags or mcap is not installed.
        InputError: If it is missing, damaged, or has no stereo topics: the message lists what it has.
    """

    def __init__(self, address: Address) -> None:
        self._path, self._name = Path(address.place), address.place
        self._pace = Pace(address.choice("pace", PACES) == "real")
        self._pairs = TimePairs[tuple[Any, str]]()
        self._notes, self._stack = list[str](), ExitStack()
        if not address.place or not self._path.exists():
            raise InputError(f"expected a recording at {address.place or 'bag:'}, got no such file; check the name")
        try:
            self._reader = self._opened()
            topics = {name: info.msgtype or "?" for name, info in self._reader.topics.items()}
            wanted = address.options.get("left"), address.options.get("right")
            self._topics = _stereo_topics(topics, wanted, self._name)
            self.rig = self._read_rig(topics)
        except BaseException:
            self._stack.close()
            raise
        self._notes.append(f"{self._name}: {self._topics[0]} and {self._topics[1]} taken as left and right")
        self._frames = self._pairs_in_order()

    def _opened(self) -> Any:  # noqa: ANN401 - a reader of rosbags
        highlevel = load_sdk("rosbags.highlevel", "recordings of ROS")
        typesys = load_sdk("rosbags.typesys", "recordings of ROS")
        path = _storage(self._path)
        _refuse_foreign_mcap(path)
        try:
            store = typesys.get_typestore(typesys.Stores.LATEST)
            reader = highlevel.AnyReader([path], default_typestore=store)
            return self._stack.enter_context(reader)
        except Exception as error:  # rosbags, sqlite3, zstd and lz4 raise a dozen kinds on damaged files
            found = _cut_off(path)
            if found is None:
                raise InputError(_damaged(self._path, error)) from error
            self._notes.append(f"{self._name}: it breaks off, as where power was lost: read as far as it goes")
            return self._stack.enter_context(found)

    def _read_rig(self, topics: dict[str, str]) -> StereoRig | UnrectifiedRig | None:
        """The cameras by the camera_info topics beside the image topics, if the recording has them."""
        infos = [_info_topic(topic, topics) for topic in self._topics]
        if None in infos:
            self._notes.append(f"{self._name}: no camera_info topics beside the images: the cameras are unknown")
            return None
        found = [self._first(str(topic)) for topic in infos]
        if found[0] is None or found[1] is None:
            self._notes.append(f"{self._name}: its camera_info topics are empty: the cameras are unknown")
            return None
        try:
            calibration = parse_camera_infos(camera_info(found[0]), camera_info(found[1]), None)
        except CalibrationError as error:
            self._notes.append(f"{self._name}: its camera_info is of no use: {error}")
            return None
        self._notes += [f"{self._name}: {note}" for note in calibration.notes]
        if any(_RECTIFIED.search(topic) for topic in self._topics) and calibration.rectified is not None:
            return calibration.rectified
        return calibration.rig

    def _first(self, topic: str) -> Any:  # noqa: ANN401 - a message of ROS
        for connection, _, data in self._messages([topic]):
            return self._decoded(connection, data)
        return None

    def _messages(self, topics: Sequence[str]) -> Iterator[tuple[Any, int, bytes]]:
        chosen = [connection for connection in self._reader.connections if connection.topic in topics]
        try:
            yield from self._reader.messages(connections=chosen)
        except LeadlineError:
            raise
        except Exception as error:  # rosbags, sqlite3, zstd and lz4 raise a dozen kinds on damaged files
            raise InputError(_damaged(self._path, error)) from error

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        return tuple(self._notes)

    @property
    def unpaired(self) -> int:
        """Images that have no partner of their moment."""
        return self._pairs.unpaired

    def grab(self) -> StereoFrame | None:
        """The next pair, when it is due; None at the end.

        Raises:
            InputError: If the recording is damaged there.
        """
        return next(self._frames, None)

    def interrupt(self) -> None:
        """Ends waiting for the next moment."""
        self._pace.close()

    def close(self) -> None:
        """Closes the recording."""
        self._pace.close()
        with suppress(Exception):  # a damaged file may refuse this, too
            self._stack.close()

    def _pairs_in_order(self) -> Iterator[StereoFrame]:
        number, rig = 0, self.rig
        for connection, recorded_ns, data in self._messages(self._topics):
            message = self._decoded(connection, data)
            moment = message_time_s(message, recorded_ns)
            side = self._topics.index(connection.topic)
            for left_s, left, right_s, right in self._pairs.add(side, moment, (message, connection.msgtype)):
                first = message_pixels(*left, self._topics[0])
                second = message_pixels(*right, self._topics[1])
                self._pace.wait(left_s)
                yield StereoFrame(first, second, left_s, rig, FrameMeta(number, time.monotonic(), "unix", right_s))
                number += 1
        self._pairs.rest()

    def _decoded(self, connection: Any, data: bytes) -> Any:  # noqa: ANN401 - of rosbags
        try:
            return self._reader.deserialize(data, connection.msgtype)
        except Exception as error:  # rosbags raises several kinds on damaged messages
            raise InputError(_damaged(self._path, error)) from error


def _storage(path: Path) -> Path:
    """The file of a folder without metadata.yaml, as a recorder that was killed leaves it; else the path itself."""
    if not path.is_dir() or (path / "metadata.yaml").exists():
        return path
    files = [*path.glob("*.mcap"), *path.glob("*.db3")]
    return files[0] if len(files) == 1 else path


def _cut_off(path: Path) -> CutOffMcap | None:
    """What can be read of an MCAP file without an end; None where that is nothing."""
    if path.suffix.lower() != ".mcap":
        return None
    try:
        return CutOffMcap(path)
    except Exception:  # rosbags raises several kinds on damaged definitions; the first error tells what is the matter
        return None


def _stereo_topics(topics: dict[str, str], wanted: tuple[str | None, str | None], name: str) -> tuple[str, str]:
    """The left and the right image topic: as asked, or by their names."""
    images = sorted(topic for topic, kind in topics.items() if kind in (IMAGE, COMPRESSED))
    listed = _listed(topics)
    for topic in wanted:
        if topic is not None and topic not in images:
            raise InputError(f"expected an image topic {topic} in {name}, got none; it has {listed}")
    if wanted[0] is not None and wanted[1] is not None:
        return wanted[0], wanted[1]
    if wanted != (None, None):
        raise InputError(f"expected both left=TOPIC and right=TOPIC for {name}, got one; it has {listed}")
    found = [pair for left in images for right in images if (pair := (left, right)) and differs_by_side(left, right)]
    # Rectified images need no work, raw ones no decoding, and infrared and grey ones are what stereo cameras match by.
    found.sort(key=lambda pair: (_RECTIFIED.search(pair[0]) is None, topics[pair[0]] == COMPRESSED, len(pair[0]), pair))
    if not found:
        raise InputError(
            f"expected two image topics whose names differ by left and right in {name}, got {listed}; name them: "
            f"bag:{name}?left=TOPIC&right=TOPIC"
        )
    return found[0]


def _listed(topics: dict[str, str]) -> str:
    words = [f"{topic} ({kind.rpartition('/')[2]})" for topic, kind in sorted(topics.items())]
    more = len(words) - _MOST_LISTED
    return ", ".join(words[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "") if words else "no topics"


def _info_topic(topic: str, topics: dict[str, str]) -> str | None:
    """The camera_info topic in the namespace of an image topic, or in the one above (image transport)."""
    parts = topic.split("/")
    for depth in (1, 2, 3):
        name = "/".join([*parts[:-depth], "camera_info"])
        if topics.get(name) == CAMERA_INFO:
            return name
    return None


def _refuse_foreign_mcap(path: Path) -> None:
    """Refuses MCAP files of other programs than ROS, and names what they hold.

    Raises:
        InputError: If it is one.
    """
    if path.suffix.lower() != ".mcap":
        return
    reader = load_sdk("mcap.reader", "MCAP recordings")
    try:
        with path.open("rb") as file:
            summary = reader.make_reader(file).get_summary()
    except Exception:  # mcap raises a dozen kinds; rosbags reads what has no index
        return
    if summary is None or not summary.channels:
        return
    channels = list(summary.channels.values())
    kinds = {channel.message_encoding for channel in channels}
    if kinds & {"cdr", "ros1"}:
        return
    named = {
        channel.topic: f"{summary.schemas[channel.schema_id].name if channel.schema_id in summary.schemas else '?'}, "
        f"{channel.message_encoding}"
        for channel in channels
    }
    raise InputError(
        f"expected ROS images (message encoding cdr) in {path}, got {_listed(named)}; record the images with "
        "`ros2 bag record`, or give the films beside it as file:LEFT"
    )


def _damaged(path: Path, error: Exception) -> str:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return (
        f"expected a whole recording of ROS at {path}, got a damaged or other file ({reason}); fetch it again, or "
        "repair it (rosbag reindex, ros2 bag reindex, mcap recover)"
    )
