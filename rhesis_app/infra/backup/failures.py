"""What can go wrong with a backup, in words an operator can act on."""


class BackupError(Exception):
    """A backup can be neither taken nor restored here; the message says why and what to do."""
