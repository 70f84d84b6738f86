"""Base64url without padding (RFC 7515, section 2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """``ValueError`` for an impossible length; characters outside the alphabet are skipped."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
