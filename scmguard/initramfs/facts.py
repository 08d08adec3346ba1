"""What a root file system says about making and opening the initramfs, each found out once a tree."""

from functools import cached_property
from typing import Dict, List, Optional, Tuple

from scmguard.boot import Boot
from scmguard.folder import Folder
from scmguard.initramfs import conf as initramfs_conf
from scmguard.initramfs import runparts
from scmguard.initramfs import tools as initramfs_tools
from scmguard.initramfs.conf import Listed
from scmguard.initramfs.tools import Entry
from scmguard.rootfs import dpkg, kernels, mounts
from scmguard.rootfs.crypttab import SCRIPTS, Volume, crypttab
from scmguard.rootfs.modules import Modules
from scmguard.rootfs.shell_settings import ShellSettings

# Where files of packages are that go into the image or make it.
_MAKING = (initramfs_tools.PACKAGED + "/", SCRIPTS + "/", "usr/" + SCRIPTS + "/")


class RootFacts:
    """Facts of one root file system. Every one of them may raise Unreadable.

    ``partial`` says that only some of its files are here: what is not there says nothing.
    """

    def __init__(self, root: Folder, partial: bool = False) -> None:
        self.root = root
        self.partial = partial
        self._modules: Dict[str, Modules] = {}

    @cached_property
    def hooks(self) -> Tuple[Entry, ...]:
        """What is in the folders of hooks."""
        return initramfs_tools.hooks(self.root)

    @cached_property
    def boot_scripts(self) -> Tuple[Entry, ...]:
        """What is in the folders of boot scripts."""
        return initramfs_tools.boot_scripts(self.root)

    @cached_property
    def run_parts(self) -> Tuple[Entry, ...]:
        """What is in the folders of run-parts for kernels and images."""
        return runparts.run_parts(self.root)

    @cached_property
    def packaged(self) -> Dict[str, Tuple[str, str]]:
        """The files of packages that take part in making the initramfs: path, package and MD5 sum."""
        return dpkg.checksums(self.root, *_MAKING)

    @cached_property
    def settings(self) -> ShellSettings:
        """What mkinitramfs is configured with."""
        return initramfs_conf.build_settings(self.root)

    @cached_property
    def update_settings(self) -> ShellSettings:
        """What update-initramfs is configured with."""
        return initramfs_conf.update_settings(self.root)

    @cached_property
    def listed_modules(self) -> Tuple[Listed, ...]:
        """The modules in the lists of initramfs-tools."""
        return initramfs_conf.listed_modules(self.root)

    @cached_property
    def releases(self) -> List[kernels.Release]:
        """The kernels that there are modules for."""
        return kernels.releases(self.root)

    def modules(self, release: kernels.Release) -> Modules:
        """The modules of a kernel."""
        if release.name not in self._modules:
            self._modules[release.name] = Modules.of_folder(release.name, self.root, release.path)
        return self._modules[release.name]

    @cached_property
    def crypttab(self) -> Tuple[Volume, ...]:
        """The lines of /etc/crypttab as the initramfs reads them."""
        return tuple(crypttab(self.root))

    @cached_property
    def encrypted_root(self) -> Optional[Volume]:
        """The line of crypttab that opens what fstab mounts as the root; None where none does."""
        names = {mounts.mapper_name(mount.source) for mount in mounts.fstab(self.root) if mount.is_root}
        return next((entry for entry in self.crypttab if entry.target in names), None)


def facts(boot: Boot) -> Optional[RootFacts]:
    """The facts of a boot tree's root file system; None where it has none."""
    if boot.root is None:
        return None
    found: RootFacts = boot.memo.setdefault("root", RootFacts(boot.root, boot.partial))
    return found
