"""MCAP recordings that were cut off, as by a robot that lost power: they are read from the front, as far as they go."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, final

from leadline.cameras.extras import load_sdk
from leadline.errors import InputError

_ENCODINGS: Final = ("cdr", "ros1")
_MOST_BYTES: Final = 1 << 30
"""A record that claims more is damage."""


class Connection(NamedTuple):
    """A topic of the recording.

    Args:
        topic: Its name.
        msgtype: The type of its messages, as rosbags writes it.
        encoding: cdr of ROS 2, or ros1.
    """

    topic: str
    msgtype: str
    encoding: str


@final
class CutOffMcap:
    """Messages of an MCAP file without an end, in the order in which they were recorded.

    It stands in for rosbags' reader, which reads by the index at the end of a file.

    Args:
        path: The file.
    Raises:
        InputError: If there is no message of ROS in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._typesys = load_sdk("rosbags.typesys", "recordings of ROS")
        self._by_channel: dict[int, Connection] = {}
        self._schemas: dict[int, str] = {}
        definitions: dict[str, tuple[str, str]] = {}
        for record in self._records():
            self._note(record, definitions)
        self.connections = list(dict.fromkeys(self._by_channel.values()))
        if not self.connections:
            raise InputError(f"expected messages of ROS in {path}, got none before the file breaks off")
        self._store = self._registered(definitions)
        self._encodings = {connection.msgtype: connection.encoding for connection in self.connections}

    @property
    def topics(self) -> dict[str, Connection]:
        """Name -> topic."""
        return {connection.topic: connection for connection in self.connections}

    def messages(self, connections: Sequence[Connection]) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages of some topics: the topic, when it was recorded (ns), and its bytes."""
        for record in self._records():
            connection = self._by_channel.get(getattr(record, "channel_id", -1))
            if connection is not None and connection in connections and hasattr(record, "log_time"):
                yield connection, int(record.log_time), bytes(record.data)

    def deserialize(self, data: bytes, msgtype: str) -> Any:  # noqa: ANN401 - a message of ROS
        """The message."""
        read = self._store.deserialize_cdr if self._encodings[msgtype] == "cdr" else self._store.deserialize_ros1
        return read(data, msgtype)

    def __enter__(self) -> "CutOffMcap":
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: the file is open only while it is read."""

    def _records(self) -> Iterator[Any]:
        """Records from the front on, until the file breaks off."""
        reader = load_sdk("mcap.stream_reader", "MCAP recordings")
        with self._path.open("rb") as file:
            try:
                yield from reader.StreamReader(file, record_size_limit=_MOST_BYTES).records
            except GeneratorExit:
                raise
            except Exception:  # mcap, struct, zstd and lz4 raise a dozen kinds where a file breaks off
                return

    def _note(self, record: Any, definitions: dict[str, tuple[str, str]]) -> None:  # noqa: ANN401 - of mcap
        kind = type(record).__name__
        if kind == "Schema" and record.encoding in ("ros1msg", "ros2msg", "ros2idl"):
            name = str(record.name)
            full = name if "/msg/" in name else name.replace("/", "/msg/", 1)
            definitions[full] = str(record.encoding), record.data.decode("utf-8", "replace")
            self._schemas[int(record.id)] = full
        elif kind == "Channel" and record.message_encoding in _ENCODINGS:
            msgtype = self._schemas.get(int(record.schema_id))
            if msgtype is not None:
                connection = Connection(str(record.topic), msgtype, str(record.message_encoding))
                self._by_channel[int(record.id)] = connection

    def _registered(self, definitions: dict[str, tuple[str, str]]) -> Any:  # noqa: ANN401 - of rosbags
        types: dict[str, Any] = {}
        for name, (encoding, text) in definitions.items():
            found = (
                self._typesys.get_types_from_idl(text)
                if encoding == "ros2idl"
                else self._typesys.get_types_from_msg(text, name)
            )
            types.update(found)
        store = self._typesys.get_typestore(self._typesys.Stores.EMPTY)
        store.register(types)
        return store
