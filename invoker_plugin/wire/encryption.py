"""Encrypted parameter values: AES-GCM, as OpenWhisk's controller writes them.

A value is base64 of: IV length (4 bytes, big-endian), IV, cipher text with its 128-bit tag. The
plain text is JSON. The IV has 12 bytes under aes-128 and, unusually, 128 under aes-256.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from invoker_plugin.errors import SystemFault
from invoker_plugin.wire import jsontext
from invoker_plugin.wire.jsontext import Json

NOOP = "noop"
IV_BYTES: Mapping[str, int] = {"aes-128": 12, "aes-256": 128}
KEY_BYTES: Mapping[str, int] = {"aes-128": 16, "aes-256": 32}
_SETTING = {
    "aes-128": "CONFIG_whisk_parameterStorage_aes128",
    "aes-256": "CONFIG_whisk_parameterStorage_aes256",
}


def decrypt(value: Json, scheme: str, keys: Mapping[str, bytes]) -> Any:
    """Return the plain JSON value; raise :class:`~invoker_plugin.errors.SystemFault`.

    A stock invoker hands an action the cipher text when it lacks the key; a clear error is
    better, and it is the system's fault.
    """
    if scheme == NOOP or not isinstance(value, str):
        return value
    key = keys.get(scheme)
    if key is None:
        known = _SETTING.get(scheme, "no setting: this scheme is unknown")
        raise SystemFault(f"a parameter is locked with {scheme} and its key is not set ({known})")
    try:
        sealed = base64.b64decode(value, validate=True)
        length = int.from_bytes(sealed[:4], "big")
        if length != IV_BYTES[scheme]:
            raise SystemFault(f"a parameter locked with {scheme} has an IV of {length} bytes")
        iv, cipher_text = sealed[4 : 4 + length], sealed[4 + length :]
        return jsontext.decode(AESGCM(key).decrypt(iv, cipher_text, None))
    except InvalidTag:
        raise SystemFault(
            f"a parameter locked with {scheme} cannot be unlocked: "
            f"{_SETTING[scheme]} is not the controller's key, or the value was altered"
        ) from None
    except (binascii.Error, ValueError) as fault:
        raise SystemFault(f"a parameter locked with {scheme} is malformed: {fault}") from None


def encrypt(value: Json, scheme: str, keys: Mapping[str, bytes]) -> str:
    """Return ``value`` locked with ``scheme``, with a fresh random IV."""
    iv = os.urandom(IV_BYTES[scheme])
    cipher_text = AESGCM(keys[scheme]).encrypt(iv, jsontext.encode(value), None)
    return base64.b64encode(len(iv).to_bytes(4, "big") + iv + cipher_text).decode()
