"""Retention owns what an organization puts aside, how long it keeps what it found, and its data as one archive."""
