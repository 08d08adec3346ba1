"""Settings that burn the SoC's one-time programmable memory, and what opens it for writing.

What burns what is data: ``irreversible`` and ``burns`` in ``catalogue/settings.json``.
"""

from typing import Iterator, Optional, Tuple

from scmguard import catalogue
from scmguard.boot import Boot
from scmguard.checks.base import Context, Hit, Params, hit_at, span_of
from scmguard.effective.config import integer, is_on
from scmguard.effective.devicetree import switches_on
from scmguard.effective.worlds import FALSE
from scmguard.finding import Related

_RECOVERY = ("recovery.bin", "bootcode4.bin", "bootcode5.bin")
_IMAGES = ("pieeprom.bin", "pieeprom.upd")
_OTP_WRITABLE = {"nvmem_cust_rw": "customer rows", "nvmem_priv_rw": "private key", "nvmem_mac_rw": "MAC addresses"}


def irreversible_setting(context: Context, _params: Params) -> Iterator[Hit]:
    """Settings that burn the SoC's one-time programmable memory, and parameters that open it for writing."""
    config = context.config
    for key in catalogue.settings_with("irreversible"):
        known = catalogue.setting(key)
        if known is None or (key, 0) not in config.run.settings:
            continue
        message, severity = _burn(context, key, known)
        wins = {one.place: when for when, one in config.outcome(key) if one is not None}
        for one in config.run.settings[key, 0]:
            if one.when == FALSE or not is_on(one):
                continue
            number = integer(one.value)
            if one.place in wins:
                yield hit_at(one.place, message.format(key, number), wins[one.place], severity=severity)
            else:
                # Nobody says which of two such lines counts, and a fuse has no second try.
                says = message.format(key, number) + "; a later line may come too late"
                yield hit_at(one.place, says, one.when, severity=severity or "degraded")
    yield from _warranty(context)
    for opened in config.run.base:
        if opened.name in _OTP_WRITABLE and switches_on(opened.value):
            message = "dtparam={} lets programs write the {} in the one-time memory; what they write stays"
            when = config.worlds.without(opened.when, config.without_tree)
            message = message.format(opened.name, _OTP_WRITABLE[opened.name])
            yield hit_at(opened.place, message, when, severity="degraded")


def _burn(context: Context, key: str, known: catalogue.Setting) -> Tuple[str, Optional[str]]:
    """A message (to be filled in with key and number) and a severity, if milder than the rule's."""
    board, boot = context.config.board, context.boot
    burns = "{}={} burns for ever: " + known.irreversible
    if not known.on(board.name, board.soc):
        message = (
            "{}={} does nothing on " + board.name + ", and burns a board that knows it if this card is put there: "
        )
        return message + known.irreversible, "hygiene"
    if known.burns == "uncertain":
        return "{}={} may burn for ever: " + known.irreversible, "degraded"
    if known.burns == "rpiboot" and not is_recovery(context.boot):
        if boot.has_binaries and not boot.single:
            message = "{}={} does nothing on a boot partition; recovery.bin obeys it, and burns "
            return message + known.irreversible, "hygiene"
        return burns + " (where recovery.bin reads this file)", "degraded"
    return burns, None


def is_recovery(boot: Boot) -> bool:
    """Whether the folder is one that rpiboot sends, to flash a bootloader (raspberrypi/usbboot)."""
    exists = boot.exists
    return not boot.single and any(map(exists, _RECOVERY)) and any(map(exists, _IMAGES))


def _warranty(context: Context) -> Iterator[Hit]:
    """``force_turbo`` with a raised voltage sets a bit for ever (documentation, ``config_txt/overclocking.adoc``).

    Not on the Pi 4 (``raspberry-pi/revision-codes.adoc``); what newer boards do is not documented.
    """
    config = context.config
    if config.board.soc != "bcm2835" or ("force_turbo", 0) not in config.run.settings:
        return
    voltages = [key for key, _ in config.run.settings if key.startswith("over_voltage") and key != "over_voltage_avs"]
    for when, turbo in config.outcome("force_turbo"):
        if turbo is None or not is_on(turbo):
            continue
        union, related = FALSE, []
        for key in voltages:
            for condition, one in config.outcome(key):
                both = config.worlds.both(when, condition)
                if one is not None and both != FALSE and integer(one.value) > 0:
                    union = config.worlds.either(union, both)
                    related.append(Related(span_of(one.place), "{}={}".format(key, integer(one.value))))
        message = "force_turbo with a raised voltage sets a bit for ever that tells of overclocking"
        yield hit_at(turbo.place, message, union, related, "degraded")
