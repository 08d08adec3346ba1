"""tryboot.txt, which the firmware reads in place of config.txt when it is asked for one trial boot.

Source: documentation, ``raspberry-pi/bootflow-eeprom.adoc`` (tryboot).
"""

from typing import Callable, Iterator

from scmguard.checks.base import Context, Hit, Params, carried
from scmguard.checks.bootflow import AUTOBOOT, TRYBOOT, autoboot_config
from scmguard.effective.config import evaluate
from scmguard.effective.worlds import FALSE, TRUE


def tryboot_differs(context: Context, _params: Params) -> Iterator[Hit]:
    """What config.txt has and a trial boot, which reads tryboot.txt in its place, would lack."""
    boot = context.boot
    if boot.single or boot.document(TRYBOOT) is None:
        return
    reads_config = FALSE
    if boot.document(AUTOBOOT) is not None:
        autoboot = autoboot_config(context, True)
        reads_config = autoboot.number("tryboot_a_b").where(bool)
    if reads_config == TRUE:
        return
    trial = Context(evaluate(boot, context.config.board, TRYBOOT), context.profile, context.device)
    for check in _required(context, trial):
        own = list(check(context))
        if any(hit.when == TRUE for hit in own):
            continue  # config.txt has the fault too, and a rule of its own says so
        said = {(hit.span, hit.message) for hit in own}
        for hit in check(trial):
            when = trial.config.worlds.without(hit.when, trial.config.shadowed)
            if (hit.span, hit.message) not in said and when != FALSE:
                message = 'in a trial boot (reboot "0 tryboot"): ' + hit.message
                # The flag counts once: the next start from power off reads config.txt again, sealed unit or not.
                yield hit._replace(
                    message=message, when=carried(context, trial.config, when), severity=hit.severity or "no-boot"
                )


def _required(context: Context, trial: Context) -> Iterator[Callable[[Context], Iterator[Hit]]]:
    """What a unit cannot boot without, as far as the profile says so."""
    from scmguard.checks import bootpart, bootware, missing, rootargument, rootdevice, storage, usb, verbs

    profile = context.profile
    if profile.get("usb-host"):
        yield lambda each: usb.dwc2_host_missing(each, {})
        yield lambda each: verbs.setting(each, {"setting": "otg_mode", "never": "on"})
    if profile.get("zymkey"):
        yield lambda each: bootware.bootware_line_missing(each, {})
    if profile.get("medium") == "emmc":
        yield lambda each: storage.boot_not_emmc(each, {})
    yield lambda each: storage.storage_disabled(each, {})
    yield lambda each: storage.device_tree_off(each, {})
    yield lambda each: bootpart.kernel_for_other_board(each, {})
    yield lambda each: bootpart.start_files_mismatched(each, {})
    yield lambda each: missing.include_missing(each, {})
    if context.boot.has_binaries:
        yield lambda each: missing.boot_file_missing(each, {})
    if any(line is not None for _, line in trial.cmdlines):
        yield lambda each: rootdevice.encrypted_root_lost(each, {})
        yield lambda each: rootdevice.root_needs_initramfs(each, {})
    if context.boot.has_binaries:
        yield lambda each: rootargument.root_missing(each, {})
