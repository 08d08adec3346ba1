"""What is known of a device. A fact has a value and where it is from, or the reason why it is not known."""

from typing import Any, Callable, Dict, Generic, Mapping, NamedTuple, Optional, Tuple, TypeVar

T = TypeVar("T", covariant=True)


class Unknown(Exception):
    """A fact that cannot be found out: why, as a clause ("it did not answer within 2 s")."""


class Fact(Generic[T]):
    """One fact. ``source`` is the file or program that it is from; ``unknown`` says why there is no value.

    A value of None that is known means that there is no such thing: no boot partition is mounted.
    """

    __slots__ = ("_value", "source", "unknown")

    def __init__(self, value: Optional[T], source: str = "", unknown: str = "") -> None:
        self._value = value
        self.source = source
        self.unknown = unknown

    @classmethod
    def missing(cls, reason: str) -> "Fact[T]":
        """A fact that is not known, and why."""
        return cls(None, "", reason or "no reason is given")

    @property
    def known(self) -> bool:
        """Whether it was found out."""
        return not self.unknown

    @property
    def value(self) -> Optional[T]:
        """The value; None also where it is not known."""
        return self._value

    @property
    def sure(self) -> T:
        """The value of a fact that is known. Raises :class:`Unknown`."""
        if self.unknown or self._value is None:
            raise Unknown(self.unknown or "there is none")
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and (self._value, self.source, self.unknown) == (
            other._value,
            other.source,
            other.unknown,
        )

    def __hash__(self) -> int:
        return hash((self.source, self.unknown))

    def __repr__(self) -> str:
        return "Fact.missing({!r})".format(self.unknown) if self.unknown else "Fact({!r})".format(self._value)


class Release(NamedTuple):
    """A version, and when it was built, in seconds since 1970 (0: not said)."""

    version: str
    built: int = 0


class Storage(NamedTuple):
    """What is behind a mounted file system.

    ``disk`` is the device at the bottom (``mmcblk0``), ``partition`` its partition's number (0: none), ``kind`` one of
    emmc, sd, usb, nvme, sata, network, memory and other; ``controller`` the device that drives it (``fe340000.mmc``);
    ``layers`` what lies between, from the top, as in ``crypt cryptrfs``.
    """

    disk: str
    partition: int = 0
    kind: str = "other"
    controller: str = ""
    layers: Tuple[str, ...] = ()


class BootMount(NamedTuple):
    """Where the boot partition is mounted, from which device, and how; ``total`` and ``free`` are bytes (0: unknown).

    ``writable`` is how it is mounted now, whatever fstab says.
    """

    path: str
    device: str
    type: str
    writable: bool
    total: int = 0
    free: int = 0


class Usb(NamedTuple):
    """The controller of the USB port that belongs to the SoC, as ``show`` names it, and its mode.

    ``controller`` is dwc2, dwc_otg, xhci or none; ``mode`` host, peripheral, otg or empty.
    """

    controller: str
    mode: str = ""


class Binding(NamedTuple):
    """Whether a Zymbit module is bound to its host, and locked to it (Production Mode)."""

    locked: bool
    bound: bool


class Signed(NamedTuple):
    """A supervised file when it was last known to be signed: bytes, SHA-256 in hex, seconds since 1970.

    An empty ``sha256`` marks one whose signing has begun and of which it is not known how it ended.
    """

    name: str
    size: int
    sha256: str
    time: int


class Device(NamedTuple):
    """The facts of one machine. ``device/gather.py`` finds them, ``device`` shows them, rules ask them."""

    model: "Fact[str]"
    compatible: "Fact[Tuple[str, ...]]"
    revision: "Fact[int]"
    board: "Fact[str]"
    serial: "Fact[str]"
    memory: "Fact[int]"
    firmware: "Fact[Release]"
    bootloader: "Fact[Release]"
    bootloader_config: "Fact[str]"
    boot_mode: "Fact[str]"
    boot_partition: "Fact[int]"
    tryboot: "Fact[bool]"
    root_storage: "Fact[Storage]"
    boot_storage: "Fact[Storage]"
    boot_mount: "Fact[BootMount]"
    kernel: "Fact[str]"
    cmdline: "Fact[str]"
    usb: "Fact[Usb]"
    pending_reboot: "Fact[Tuple[str, ...]]"
    default_password: "Fact[bool]"
    i2c: "Fact[bool]"
    zkifc: "Fact[str]"
    module_model: "Fact[str]"
    module_firmware: "Fact[str]"
    module_serial: "Fact[str]"
    binding: "Fact[Binding]"
    manifest: "Fact[Tuple[str, ...]]"
    ledger: "Fact[Tuple[Signed, ...]]"


# How values that are more than a number, a text or a truth value are made of plain data.
_MAKERS: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("compatible", "pending_reboot", "manifest"), tuple),
    **dict.fromkeys(("firmware", "bootloader"), lambda data: Release(**data)),
    **dict.fromkeys(
        ("root_storage", "boot_storage"), lambda data: Storage(**{**data, "layers": tuple(data.get("layers", ()))})
    ),
    "boot_mount": lambda data: BootMount(**data),
    "usb": lambda data: Usb(**data),
    "binding": lambda data: Binding(**data),
    "ledger": lambda data: tuple(Signed(**entry) for entry in data),
}


def from_data(data: Mapping[str, Any]) -> Device:
    """A device of plain values by fact, as a rule's examples have them; ``{unknown: WHY}`` for one that is not known.

    What is not named is unknown.
    """
    facts: Dict[str, Fact[Any]] = {name: Fact.missing("it is not said") for name in Device._fields}
    for name, value in data.items():
        if name not in facts:
            raise ValueError("there is no fact {!r}".format(name))
        if isinstance(value, dict) and "unknown" in value:
            facts[name] = Fact.missing(value["unknown"])
        else:
            facts[name] = Fact(value if value is None else _MAKERS.get(name, _same)(value))
    return Device(**facts)


def to_data(device: Device) -> Dict[str, Dict[str, Any]]:
    """The facts as JSON has them: ``value`` and ``source``, or ``unknown``; :func:`from_data` takes the values."""
    return {
        name: {"unknown": fact.unknown} if fact.unknown else {"value": _plain(fact.value), "source": fact.source}
        for name, fact in device._asdict().items()
    }


def _same(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return {key: _plain(each) for key, each in value._asdict().items()}
        return [_plain(each) for each in value]
    return value
