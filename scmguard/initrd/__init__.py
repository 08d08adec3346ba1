"""Initial RAM file systems as the boot loader hands them to the kernel: listed and checked without being unpacked.

An image is a sequence of cpio archives in the "newc" format, each bare or compressed, with zero bytes between them
(Linux, ``Documentation/driver-api/early-userspace/buffer-format.rst``; what is accepted where that text is silent is
what ``init/initramfs.c`` does). :func:`scmguard.initrd.reader.read` gives segments, members and faults as they come.

The bytes are not trusted: whatever they are, reading ends, in bounded memory and time, and what is wrong is a value
(:class:`scmguard.initrd.model.Fault`). Nothing is ever written to disk.
"""
