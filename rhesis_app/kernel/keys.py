"""Secrets that are handed out once and kept as a digest."""

import hashlib
import secrets


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal: how secrets of 128 and more bits are kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """256 random bits for a link or a refresh token."""
    return secrets.token_urlsafe(32)
