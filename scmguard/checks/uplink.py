"""The network: what is left of it when config.txt switches parts of the board off.

Which board has what: Raspberry Pi documentation, ``raspberry-pi/introduction.adoc``. On the boards up to the 3B+
Ethernet hangs on the USB controller (same page), so that it is gone where that one is a device. Compute
Modules and the plain boards without network are not judged: it depends on the carrier, or on what is plugged in.
"""

import re
from typing import Iterator, List, Optional, Tuple

from scmguard.checks.base import Context, Hit, Params, hit_at, one_hit, span_of
from scmguard.effective.run import Load
from scmguard.effective.worlds import FALSE, TRUE, Condition
from scmguard.finding import Related
from scmguard.folder import Folder
from scmguard.rootfs import osrelease

_WIFI_ONLY = ("pi0w", "pi02")
#: Boards whose Ethernet is a USB device on the board itself.
_USB_ETHERNET = ("pi2", "pi3", "pi3+")
_WIFI = ("pi0w", "pi02", "pi3", "pi3+", "pi4", "pi400", "pi5", "pi500")
_TYPE_3A_PLUS = 0x0E

# What shows that somebody means to reach the unit by network (documentation, configuration/headless.adoc).
_REMOTE_BOOT = ("ssh", "ssh.txt", "wpa_supplicant.conf")
_REMOTE_ROOT = (
    "etc/systemd/system/multi-user.target.wants/ssh.service",
    "etc/systemd/system/multi-user.target.wants/sshd.service",
)

_NETWORK = r"[ \t]*network[ \t]*=[ \t]*\{"
_COUNTRY = r"[ \t]*country[ \t]*=[ \t]*[A-Za-z]{2}"
_REGDOM = r"[ \t]*options[ \t]+cfg80211[ \t](?:[^\n]{0,200}[ \t])?ieee80211_regdom=[A-Za-z]{2}"
_CRDA = r"[ \t]*REGDOMAIN=[\"']?[A-Za-z]{2}"


def remote_lockout(context: Context, _params: Params) -> Iterator[Hit]:
    """The last of a board's own ways into the network is switched off.

    Some units are to have none (signing devices, synthesisers), so that it only weighs where something shows
    that this one is reached by network.
    """
    config = context.config
    worlds, board = config.worlds, config.board
    no_wifi, wifi = _wifi_off(context)
    # As a device the port may be a way in by itself (g_ether), but it takes the Ethernet behind it away.
    device = config.usb.where(lambda usb: usb.controller == "dwc2" and usb.dr_mode == "peripheral")
    gadget = config.usb.where(lambda usb: usb.controller == "dwc2" and usb.dr_mode != "host")
    hits: List[Hit] = []
    wifi_only = TRUE if board.name in _WIFI_ONLY else FALSE
    if board.name == "pi3+":
        types = tuple(str(number) for number in board.types)
        wifi_only = worlds.among("board-type", types, lambda each: int(each) == _TYPE_3A_PLUS)
    gone = worlds.without(worlds.both(no_wifi, wifi_only), gadget)
    if wifi is not None and gone != FALSE:
        message = "this switches Wi-Fi off, and {} has no other network of its own".format(board.model)
        hits.append(hit_at(wifi.place, message, gone))
    if board.name in _USB_ETHERNET:
        both_off = worlds.both(device, TRUE if board.name == "pi2" else no_wifi)
        both_off = worlds.without(both_off, wifi_only)
        for condition, usb in config.usb:
            when = worlds.both(condition, both_off)
            if usb.place is not None and when != FALSE:
                message = "as a USB device {} loses its Ethernet{}".format(
                    board.model, "" if wifi is None else ", and Wi-Fi is switched off"
                )
                related = () if wifi is None else (Related(span_of(wifi.place), "Wi-Fi is switched off here"),)
                hits.append(hit_at(usb.place, message, when, related))
    severity = None if _is_remote(context) else "hygiene"
    yield from one_hit([hit._replace(severity=severity) for hit in hits], context)


def _is_remote(context: Context) -> bool:
    root = context.boot.root
    if any(context.boot.exists(name) for name in _REMOTE_BOOT):
        return True
    return root is not None and any(root.exists(name) or root.link(name) is not None for name in _REMOTE_ROOT)


def _wifi_off(context: Context) -> Tuple[Condition, Optional[Load]]:
    """The worlds in which Wi-Fi is switched off, and the first line that does it."""
    off, first = FALSE, None
    for when, load in context.config.loads:
        if load.resolved in ("disable-wifi", "disable-wifi-pi5"):
            off = context.config.worlds.either(off, when)
            first = first or load
    return off, first


def wifi_country_missing(context: Context, _params: Params) -> Iterator[Hit]:
    """A Wi-Fi network is set up by wpa_supplicant, and nothing says the country: the radio stays blocked."""
    root = context.boot.root
    if root is None or context.config.board.name not in _WIFI or _country_elsewhere(root) or _is_ubuntu(root):
        return
    worlds = context.config.worlds
    off, _load = _wifi_off(context)
    missing = worlds.none_of(off)
    for condition, line in context.cmdlines if context.boot.has_cmdline else ():
        names = [argument.name for argument in line.arguments if argument.value] if line is not None else []
        if "cfg80211.ieee80211_regdom" in names:
            missing = worlds.without(missing, condition)
    if missing == FALSE:
        return
    for name in ("wpa_supplicant.conf", "wpa_supplicant-wlan0.conf"):
        source = root.source("etc/wpa_supplicant/" + name)
        if source is None:
            continue
        networks = [line for line in source.lines if re.match(_NETWORK, line.text)]
        if networks and not any(re.match(_COUNTRY, line.text) for line in source.lines):
            message = "a Wi-Fi network and no country=: Raspberry Pi OS keeps the radio blocked until it is set"
            yield Hit(source, source.span(networks[0].number), message, missing)


def _is_ubuntu(root: Folder) -> bool:
    """Whether it is Ubuntu, which does not block the radio for want of a country."""
    return osrelease.read(root).get("ID") == "ubuntu"


def _country_elsewhere(root: Folder) -> bool:
    """Whether the module's options or crda's defaults name the country."""
    names = ["etc/modprobe.d/" + name for name in root.names("etc/modprobe.d") if name.endswith(".conf")]
    for name, pattern in [(name, _REGDOM) for name in names] + [("etc/default/crda", _CRDA)]:
        source = root.source(name)
        if source is not None and any(re.match(pattern, line.text) for line in source.lines):
            return True
    return False
