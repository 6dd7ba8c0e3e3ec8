"""What can go wrong with servers of our own, in words an operator can act on."""


class EmbeddedError(Exception):
    """A server of our own cannot be had here; the message says what to do instead."""


class DirectoryInUseError(EmbeddedError):
    """Another process works on the same data directory."""
