"""The one face of all decompressors."""


class Unpacker:
    """A stream of bytes out of the image."""

    def read(self) -> bytes:
        """The next bytes, never more than a few megabytes; none at the end of a stream that is whole.

        A stream that is cut off or damaged raises :class:`scmguard.initrd.model.Halt`.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of what it holds."""
