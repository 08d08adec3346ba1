"""Clocks and voltages beyond what a board is documented or known to run at.

Source of ranges: documentation, ``config_txt/overclocking.adoc``. Defaults and ceilings of the clocks are data, with
their sources, in ``catalogue/settings.json``.
"""

from typing import Iterator, Mapping, Optional, Tuple

from scmguard import catalogue
from scmguard.checks.base import Context, Hit, Params, hit_at
from scmguard.effective.config import integer
from scmguard.effective.worlds import FALSE, Condition

# In microvolts: eight of the steps that over_voltage has, and more than it is documented to allow at all.
_MOST_DELTA = 200_000
_FREE_VOLTAGE = 6


def overclock_out_of_range(context: Context, _params: Params) -> Iterator[Hit]:
    """Clocks above the board's or the profile's ceiling, voltages outside the documented range."""
    config = context.config
    board = config.board
    clocks = catalogue.clocks(board.name)
    ceilings = _profile_ceilings(context)
    for key, port in list(config.run.settings):
        known = catalogue.setting(key)
        if known is None or (known.risk != "clock" and key not in ceilings) or not known.on(board.name, board.soc):
            continue
        for when, one in config.outcome(key, port):
            if one is None:
                continue
            number = integer(one.value)
            ceiling = ceilings.get(key)
            message: Optional[str] = None
            severity: Optional[str] = None
            if ceiling is not None and number > ceiling:
                message = "{}={} is above the ceiling that this profile sets: {}".format(key, number, ceiling)
            elif key in clocks and number > clocks[key][1]:
                message = (
                    "{}={} is more than a {} is known to run at; its default is {} MHz, and {} is the most".format(
                        key, number, board.model, *clocks[key]
                    )
                )
            elif key.startswith("over_voltage"):
                message, severity, when = _voltage(context, key, known, number, when)
            if message is not None:
                yield hit_at(one.place, message, when, severity=severity)


def _voltage(
    context: Context, key: str, known: catalogue.Setting, number: int, when: Condition
) -> Tuple[Optional[str], Optional[str], Condition]:
    """A message, a severity if milder than the rule's, and the worlds."""
    config = context.config
    if key == "over_voltage_delta" and abs(number) > _MOST_DELTA:
        return (
            "over_voltage_delta={} is in microvolts: this moves the voltage by {:.2f} V".format(
                number, number / 1_000_000
            ),
            None,
            when,
        )
    if known.low is not None and known.high is not None and not known.low <= number <= known.high:
        severity = None if number > known.high else "degraded"
        return "{}={} is outside {} to {}".format(key, number, known.low, known.high), severity, when
    if key == "over_voltage" and number > _FREE_VOLTAGE:
        turbo = config.number("force_turbo").where(lambda value: value != 0)
        without = config.worlds.without(when, turbo)
        if without != FALSE:
            return (
                "over_voltage={} is only allowed with force_turbo=1; without it the voltage stays lower".format(number),
                "degraded",
                without,
            )
    return None, None, when


def _profile_ceilings(context: Context) -> Mapping[str, int]:
    """``clock-ceiling`` of the profile: stricter limits, for devices that nobody can reach."""
    given = context.profile.get("clock-ceiling")
    if not isinstance(given, Mapping):
        return {}
    return {str(key): value for key, value in given.items() if isinstance(value, int)}
