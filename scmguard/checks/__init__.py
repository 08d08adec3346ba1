"""Checks: what rules ask. Closed declarative verbs, and Python predicates by bare name.

A predicate is found in ``PREDICATES`` and nowhere else: a YAML file must not choose what a root process imports.
"""

from importlib import import_module
from typing import Callable, Dict, Iterator

from scmguard.checks.base import Context, Hit, Params
from scmguard.checks.lines import reports

Check = Callable[[Context, Params], Iterator[Hit]]


def _later(module: str, name: str) -> Check:
    """A check whose module is imported when it is first used."""

    def check(context: Context, params: Params) -> Iterator[Hit]:
        function: Check = getattr(import_module("scmguard.checks." + module), name)
        return function(context, params)

    return check


# Topic (the module) and its predicates, each named as the rule that asks it.
_TOPICS = {
    "bootconf": "boot_order_never_restarts boot_order_without_own_medium rpiboot_is_no_recovery",
    "bootflow": "bad_autoboot",
    "bootpart": "kernel_for_other_board lookalike_file settings_in_stub shadowed_by_boot_img start_files_mismatched",
    "bootware": "bootware_file_missing bootware_line_missing uboot_hangs_with_overlay",
    "clocks": "overclock_out_of_range",
    "cmdline": "cmdline_not_one_line cmdline_too_long root_quoted unknown_to_initramfs",
    "conflicts": "conflicting_values",
    "device.bootloader": "bootloader_too_old bootloader_update_on_scm",
    "device.bootmount": "boot_partition_not_mounted boot_partition_read_only_pending",
    "device.medium": "boot_medium_not_emmc usb_controller_not_dwc2_host",
    "device.profile": "profile_mismatch",
    "device.running": "running_differs_from_files",
    "device.signed": "supervised_file_changed supervised_file_missing supervised_manifest_gap",
    "device.upgrades": "release_upgrade_pending",
    "device.zymbit": "default_password scm_key_loss zkifc_not_running",
    "eeprom": "eeprom_update_staged signed_boot_without_key",
    "encoding": "bad_encoding no_final_newline",
    "files": "bad_initramfs_syntax early_setting_late file_too_large",
    "fuses": "irreversible_setting",
    "initramfs.bootspace": "boot_space_low stray_backup",
    "initramfs.buildscripts": "discarded_update_status removes_image_before_build",
    "initramfs.compression": "compressor_unsupported",
    "initramfs.conf": "initramfs_conf_invalid",
    "initramfs.copies": "hook_copies_missing_file hook_unchecked_copy",
    "initramfs.crypttab": "cryptsetup_missing crypttab_unusable",
    "initramfs.hookfiles": "editor_backup_runs hook_not_executable",
    "initramfs.hooknames": "hook_name_ignored",
    "initramfs.hooks": "boot_script_runs_on_host hook_does_not_parse hook_prerequisite_cycle hook_without_prereqs",
    "initramfs.imagecrypto": "initrd_salt_differs initrd_without_crypto",
    "initramfs.imagekeys": "initrd_without_keyscript",
    "initramfs.imagemodules": "initrd_other_kernel initrd_without_modules initrd_without_storage"
    " kernel_without_modules",
    "initramfs.imagestate": "initrd_copy_differs initrd_stale initrd_truncated",
    "initramfs.interpreters": "hook_bad_interpreter",
    "initramfs.keyfiles": "key_in_initramfs",
    "initramfs.keyscripts": "keyscript_missing keyscript_tool_missing",
    "initramfs.modules": "modules_dep modules_list_incomplete unknown_module",
    "initramfs.packages": "half_configured_package packaged_hook_edited",
    "initramfs.updates": "initramfs_updates_off kernel_config_missing stale_flavour",
    "leftovers": "first_boot_leftover",
    "missing": "boot_file_missing include_missing",
    "overlays": "duplicate_overlay overlay_deprecated overlay_file_missing overlay_renamed"
    " overlay_wrong_soc unknown_overlay unknown_overlay_parameter",
    "packages.attended": "boot_package_unattended unattended_upgrades_installed",
    "packages.needed": "needed_package_removed",
    "packages.releases": "bootloader_package_update release_upgrade_started",
    "packages.room": "transaction_without_room",
    "pins": "pin_conflict",
    "protection": "console_on_serial emergency_shell protection_disabled",
    "rootargument": "root_given_twice root_missing root_placeholder",
    "rootdevice": "encrypted_root_lost root_mismatch root_needs_initramfs",
    "sections": "display_setting_under_none dtparam_out_of_scope ends_inside_filter inert_setting",
    "settings": "bootloader_setting_in_include invalid_value unknown_setting",
    "storage": "boot_not_emmc device_tree_off storage_disabled",
    "tryboot": "tryboot_differs",
    "unattended": "unattended_upgrades_active",
    "uplink": "remote_lockout wifi_country_missing",
    "usb": "dwc2_gadget dwc2_host_missing usb_off",
    "userland": "repository_key_missing userland_mismatch",
    "wakepin": "wake_pin_wrong",
    "zymkey": "zymkey_bus_off",
}

#: Every predicate that ``check: {python: NAME}`` can name.
PREDICATES: Dict[str, Check] = {
    name: _later(module, name) for module, names in _TOPICS.items() for name in names.split()
}
PREDICATES.update(
    {
        id.replace("-", "_"): reports(id)
        for id in (
            "glued-lines",
            "line-too-long",
            "quoted-value",
            "spaces-around-equals",
            "trailing-comment",
            "unknown-section",
        )
    }
)
