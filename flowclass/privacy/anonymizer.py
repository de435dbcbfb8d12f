"""Host module: Anonymizer, what is done to flows and calls before anything of them is written."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.calls.batch import Calls
from flowclass.errors import UsageError
from flowclass.privacy.cryptopan import KEY_BYTES, CryptoPan, _aes
from flowclass.record.packet import IPV4_MAPPED

_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
#: Keeps the key of identifiers apart from the key of addresses.
_ID_PURPOSE = b"flowclass flow_id"


class Anonymizer:
    """Hides the addresses of records.

    Parameters
    ----------
    key : KEY_BYTES secret bytes; the same key gives the same addresses in every run

    Notes
    -----
    A flow_id is a public hash of addresses, ports and time, by which an address could be guessed and confirmed; it is
    encrypted too. A Community ID is made of the addresses as they are written, so it needs nothing.
    """

    def __init__(self, key: bytes) -> None:
        self._pan = CryptoPan(key)
        self._ids = _aes(hashlib.sha256(_ID_PURPOSE + key).digest()[:16])

    @classmethod
    def read(cls, path: str) -> Anonymizer:
        """Return the anonymizer of a key file.

        Raises
        ------
        UsageError
            The file cannot be read or is not of KEY_BYTES bytes, or the package cryptography is not installed.
        """
        try:
            with Path(path).open("rb") as file:
                key = file.read(KEY_BYTES + 1)
        except OSError as error:
            raise UsageError(f"cannot read the key {path}: {error.strerror or error}") from error
        if len(key) != KEY_BYTES:
            raise UsageError(f"{path} is no key of {KEY_BYTES} bytes: make one with head -c {KEY_BYTES} /dev/urandom")
        return cls(key)

    def hide(self, flows: Any) -> None:
        """Change the addresses and identifiers of FLOW[n] in place."""
        is_four = flows["version"] == 4
        for side in ("src", "dst"):
            hi, lo = flows[f"{side}_hi"], flows[f"{side}_lo"]
            for version, bits in ((is_four, 32), (~is_four, 128)):
                rows = np.flatnonzero(version)
                if not rows.size:
                    continue
                if bits == 32:
                    top, _ = self._pan.hide(lo[rows] << _HALF, np.zeros(rows.size, np.uint64), 32)
                    lo[rows] = top >> _HALF | np.uint64(IPV4_MAPPED)
                else:
                    hi[rows], lo[rows] = self._pan.hide(hi[rows], lo[rows], 128)
        for name in ("flow_id", "linked_flow"):
            ids = flows[name]
            flows[name] = np.where(ids == 0, ids, self.hide_ids(ids))

    def hide_ids(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return uint64[n] identifiers encrypted: the same for the same, and nothing to test a guess by."""
        blocks = np.zeros((len(ids), 2), ">u8")
        blocks[:, 0] = ids
        encrypted = np.frombuffer(self._ids.update(blocks.tobytes()), ">u8").reshape(-1, 2)
        return encrypted[:, 0].astype(np.uint64)

    def hide_address(self, text: str) -> str:
        """Return an address as text, anonymised."""
        address = ipaddress.ip_address(text)
        number, bits = int(address), address.max_prefixlen
        whole = number << (128 - bits)
        high, low = np.array([whole >> 64], np.uint64), np.array([whole & (1 << 64) - 1], np.uint64)
        hi, lo = self._pan.hide(high, low, bits)
        hidden = (int(hi[0]) << 64 | int(lo[0])) >> (128 - bits)
        return str(type(address)(hidden))

    def hide_calls(self, calls: Calls) -> Calls:
        """Return calls with their addresses and the identifiers of their flows hidden."""
        if not calls:
            return calls
        hidden: dict[str, Sequence[str] | Sequence[list[str]]] = {
            "client": [self.hide_address(client) for client in calls.columns["client"]],
            "call_id": self._hide_texts(calls.columns["call_id"]),
            "flows": list(map(self._hide_texts, calls.columns["flows"])),
        }
        return replace(calls, columns={**calls.columns, **hidden})

    def _hide_texts(self, ids: Sequence[str]) -> list[str]:
        """Return identifiers as records write them, encrypted."""
        return [f"{number:016x}" for number in self.hide_ids([int(text, 16) for text in ids]).tolist()]
