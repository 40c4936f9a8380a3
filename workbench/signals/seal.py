"""Seals: signed and encrypted messages, and the keys for them, which are derived and kept nowhere.

A home has one key of 32 random bytes in a file of its own, readable by its owner alone. A hook's keys are
HMAC-SHA-256(home key, purpose and hook id), so that neither the database nor its backups hold any of them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path

from workbench.errors import BadInput

SIGNATURE, TIMESTAMP = "x-signature", "x-timestamp"
"""Headers of a signed message: `sha256=` and the hex HMAC-SHA-256 of "TIMESTAMP.BODY", and the Unix seconds it names.

Without a timestamp the body alone is signed.
"""
SIGNED_FOR = 300
"""Seconds for which a timestamp counts, both ways."""
_NONCE = 12
_STAMPED = re.compile(rb"\d{1,11}\.")


class HomeKey:
    """The key of a home; made when it is first needed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._key: bytes | None = None

    def derive(self, purpose: str, hook_id: str, nth: int = 0) -> bytes:
        """32 bytes for one purpose at one hook, others for each `nth`. Raises BadInput for a file it cannot read."""
        return hmac.digest(self._read(), f"{purpose}|{hook_id}{f'|{nth}' if nth else ''}".encode(), "sha256")

    def hash(self, secret: str, hook_id: str) -> str:
        """A secret's keyed hash, as it is kept: it tells nothing to who has the database alone."""
        return hmac.digest(self.derive("secret", hook_id), secret.encode(), "sha256").hex()

    def _read(self) -> bytes:
        if self._key is None:
            try:
                self._key = self._made()
            except OSError as error:
                raise BadInput("home", str(self._file.parent), f"{self._file.name}: {error.strerror}") from None
            if len(self._key) != 32:
                raise BadInput("home", str(self._file), "is no key of 32 bytes", "restore it from a backup")
        return self._key

    def _made(self) -> bytes:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            pass
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_name(f"{self._file.name}.{secrets.token_hex(4)}")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, self._file)  # the first of several that make it at once wins
        except FileExistsError:
            pass
        finally:
            new.unlink()
        return self._file.read_bytes()


def token_hash(token: str) -> str:
    """How a token is kept: it has 256 bits of chance, so a plain hash tells nothing of it."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def signature(key: bytes, body: bytes, timestamp: str = "") -> str:
    """What stands in the signature header of a message."""
    signed = timestamp.encode() + b"." + body if timestamp else body
    return "sha256=" + hmac.digest(key, signed, "sha256").hex()


def is_signed(key: bytes, body: bytes, header: str, timestamp: str, now: float) -> bool:
    """Whether a message carries its signature, and a timestamp, where it has one, that is not too far from now."""
    good = hmac.compare_digest(signature(key, body, timestamp).encode(), header.strip().encode(errors="replace"))
    if not timestamp:  # a body that begins as "TIMESTAMP." may be a captured message whose timestamp was moved into it
        return good and not _STAMPED.match(body)
    digits = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12
    return good and digits and abs(now - int(timestamp)) <= SIGNED_FOR


def seal(key: bytes, body: bytes) -> bytes:
    """A body encrypted by AES-256-GCM: the text base64url of 12 bytes of nonce, the ciphertext and its tag."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, body, None))


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The body that was encrypted; None where it was not encrypted by this key, or changed since."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(sealed.strip(), altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], None)
    except (InvalidTag, ValueError, binascii.Error):
        return None
