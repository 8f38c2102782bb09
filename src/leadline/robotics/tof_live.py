"""Time-of-flight sensors while they run: boards that print lines on a serial port, and DEPZ sensors by their SDK."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Protocol, runtime_checkable

from leadline.errors import CameraError, CameraLostError, InputError, MissingExtraError
from leadline.io.known_depths import LengthUnit
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_lines import TofLines
from leadline.robotics.tof_raw import RawFrame, seconds_of

BAUD: Final = 115200
_SILENCE_S: Final = 5.0
"""Without a frame for so long, a sensor is lost."""
_READ_S: Final = 0.2
_LONGEST_LINE: Final = 65536
_RATE_HZ: Final = 15
_FORMS: Final = "serial:PORT[@BAUD], such as serial:/dev/ttyACM0@115200, or depz:[PORT]"


@runtime_checkable
class TofSource(Protocol):
    """A running sensor."""

    @property
    def faults(self) -> list[tuple[int, str]]:
        """Numbers of lines that were left out, and what is wrong with them."""
        ...

    def frames(self) -> Iterator[TofFrame]:
        """Frames as they come; ends when a recording ends.

        Raises:
            CameraLostError: If the sensor is unplugged or falls silent.
        """
        ...

    def close(self) -> None:
        """Lets go of the port."""
        ...


def is_live(address: str) -> bool:
    """Whether an address names a running sensor, not a file.

    >>> is_live("serial:/dev/ttyACM0"), is_live("log.csv")
    (True, False)
    """
    return address.partition(":")[0] in ("serial", "depz") and ":" in address


def open_tof(address: str, silence_s: float = _SILENCE_S) -> TofSource:
    """Opens a running sensor.

    Args:
        address: serial:PORT[@BAUD] or depz:[PORT].
        silence_s: Time without a frame after which the sensor is taken for lost.
    Raises:
        InputError: If the address has another form.
        MissingExtraError: If the package for it is not installed.
        CameraError: If there is no such port, it is busy, or no sensor answers.
    """
    kind, _, rest = address.partition(":")
    if kind == "serial" and rest:
        port, _, speed = rest.partition("@")
        if speed and not (speed.isdigit() and 300 <= int(speed) <= 4_000_000):
            raise InputError(f"expected a speed from 300 to 4000000 baud, got {speed!r}; such as {port}@{BAUD}")
        return SerialTof.open(port, int(speed or BAUD), silence_s)
    if kind == "depz":
        return DepzTof.open(rest or None, silence_s)
    raise InputError(f"expected {_FORMS}, got {address!r}")


def _package(name: str, what: str) -> Any:  # noqa: ANN401 - a module of an extra
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise MissingExtraError(
            f'expected the package {name} for {what}, found none; install it with pip install "leadline[tof]"'
        ) from error


@dataclass(eq=False)
class SerialTof:
    """A board that prints frames on a serial port, in any form that `TofLines` knows.

    Args:
        port: An open port of pyserial.
        name: Of the port, for messages.
        silence_s: See `open_tof`.
        clock: Seconds; for frames whose own clock has no stated unit.
        parser: Of the lines.
    """

    port: Any
    name: str
    silence_s: float = _SILENCE_S
    clock: Callable[[], float] = time.monotonic
    parser: TofLines = field(default_factory=TofLines)

    @classmethod
    def open(cls, port: str, baud: int, silence_s: float = _SILENCE_S) -> "SerialTof":
        """Opens a port.

        Args:
            port: Its name, such as /dev/ttyACM0 or COM3.
            baud: Its speed.
            silence_s: See `open_tof`.
        Raises:
            MissingExtraError: If pyserial is not installed.
            CameraError: If there is no such port, or it is busy.
        """
        serial = _package("serial", "boards on a serial port")
        try:
            found = serial.Serial(port, baud, timeout=_READ_S)
        except (serial.SerialException, OSError) as error:
            reason = str(error).splitlines()[0][:120]
            raise CameraError(
                f"expected a serial port at {port}, got {reason}; check its name, its cable and who may use it"
            ) from error
        return cls(found, port, silence_s)

    @property
    def faults(self) -> list[tuple[int, str]]:
        """As of `TofSource`."""
        return self.parser.faults

    def frames(self) -> Iterator[TofFrame]:
        """As of `TofSource`."""
        rest, heard = b"", time.monotonic()
        unit: LengthUnit | None = None
        size: int | None = None
        zones: int | None = None
        while True:
            now = time.monotonic()
            if now - heard > self.silence_s:
                faults = f"; {len(self.faults)} unusable lines, the last: {self.faults[-1][1]}" if self.faults else ""
                raise CameraLostError(
                    f"expected frames from {self.name}, got none for {self.silence_s:g} s{faults}; check the sensor, "
                    "its program and the speed of the port (serial:PORT@BAUD)"
                )
            *lines, rest = (rest + self._read()).split(b"\n")
            rest = rest[-_LONGEST_LINE:]
            for line in lines:
                for raw in self.parser.feed(line.decode("utf-8", errors="replace")):
                    zones, before = len(raw.distances), zones
                    size = size or zones
                    if size != zones != before:
                        self._leave_out(f"a frame of {zones} zones after one of {size}")
                        continue
                    size = zones
                    if unit == "m" and raw.guessed_unit() != "m":
                        self._leave_out("distances up to here were taken for metres, and are millimetres")
                        unit = None
                    unit, heard = unit or raw.guessed_unit(), time.monotonic()
                    yield raw.frame(unit, self._time_s(raw))

    def _leave_out(self, words: str) -> None:
        self.faults.append((self.parser.number, words))

    def _time_s(self, raw: RawFrame) -> float:
        """The board's time where its unit is stated, else the time now."""
        if raw.time is None or raw.time_unit is None:
            return self.clock()
        return raw.time * seconds_of(raw.time_unit)

    def _read(self) -> bytes:
        try:
            return self.port.read(max(1, self.port.in_waiting))
        except (OSError, TypeError, AttributeError) as error:  # pyserial's own error is an OSError
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise CameraLostError(
                f"expected {self.name} to go on, but it is gone ({reason}); plug it in again"
            ) from error

    def close(self) -> None:
        """As of `TofSource`."""
        self.port.close()


@dataclass(eq=False)
class DepzTof:
    """A VL53L5CX, VL53L7CX or VL53L8CX on a DEPZ board, by depz-sensor-sdk.

    Args:
        device: Which the SDK opened.
        silence_s: See `open_tof`.
        faults: None are known of; the SDK checks its packets.
    """

    device: Any
    silence_s: float = _SILENCE_S
    faults: list[tuple[int, str]] = field(default_factory=lambda: list[tuple[int, str]]())

    @classmethod
    def open(cls, port: str | None, silence_s: float = _SILENCE_S) -> "DepzTof":
        """Opens a board and starts 8x8 ranging at 15 Hz, which takes half a minute: the sensor's program is loaded.

        Args:
            port: Its name; the first board that is found if absent.
            silence_s: See `open_tof`.
        Raises:
            MissingExtraError: If the SDK is not installed.
            CameraError: If no board is found, it has another sensor, or it does not start.
        """
        sdk = _package("depz_sensor_sdk", "DEPZ sensors")
        zones = _package("depz_sensor_sdk.vl53l8", "DEPZ sensors")
        try:
            device = sdk.open_device(port)
        except (sdk.DepzError, OSError) as error:
            raise CameraError(
                f"expected a DEPZ sensor at {port or 'any port'}, got none: {error}; plug it in"
            ) from error
        if not isinstance(device, zones.Vl53l8):
            device.close()
            raise CameraError(
                f"expected an 8x8 sensor, got {type(device).__name__}; name the port of a VL53L5CX or L8CX"
            )
        try:
            device.init()
            device.set_resolution(zones.RESOLUTION_8X8)
            device.set_ranging_frequency_hz(_RATE_HZ)
            device.start_ranging()
        except (sdk.DepzError, OSError) as error:
            device.close()
            raise CameraError(f"expected the sensor to start, got {error}; unplug it and plug it in again") from error
        return cls(device, silence_s)

    def frames(self) -> Iterator[TofFrame]:
        """As of `TofSource`."""
        sdk = _package("depz_sensor_sdk", "DEPZ sensors")
        while True:
            try:
                found = self.device.get_frame(timeout=self.silence_s)
            except (sdk.DepzError, OSError, TimeoutError) as error:
                raise CameraLostError(f"expected frames from the DEPZ sensor, got {error}; plug it in again") from error
            yield depz_frame(found)

    def close(self) -> None:
        """As of `TofSource`."""
        sdk = _package("depz_sensor_sdk", "DEPZ sensors")
        try:
            self.device.stop_ranging()
        except (sdk.DepzError, OSError):
            pass  # it is gone already
        finally:
            self.device.close()


def depz_frame(found: Any) -> TofFrame:  # noqa: ANN401 - a class of the SDK
    """A frame of the SDK: millimetres, per cent and microseconds.

    Args:
        found: Its Vl53l8Frame, or what looks like one.
    """
    return TofFrame.from_status(
        found.grid("distance_mm") / 1000.0,
        found.grid("target_status"),
        sigma_m=found.grid("range_sigma_mm") / 1000.0,
        reflectance=found.grid("reflectance") / 100.0,
        ambient=found.grid("ambient_per_spad"),
        targets=found.grid("nb_target_detected"),
        time_s=found.timestamp_us * 1e-6,
    )
