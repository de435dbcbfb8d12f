"""Host module: what IPFIX says of addresses that are anonymised: options records by RFC 6235 §6."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

#: Set of options templates (RFC 7011 §3.4.2.2) and our template in it.
OPTIONS_SET, ANONYMIZATION_TEMPLATE = 3, 258
#: IANA elements: scope (which template, which element), then what was done to it.
TEMPLATE_ID, ELEMENT_ID, FLAGS, TECHNIQUE = 145, 303, 285, 286
#: Stability class: the same key gives the same addresses, whoever exports (RFC 6235 §6.2.3, SC = 0b11).
STABLE = 3
#: Techniques (RFC 6235 §6.2.4): identifiers are permuted, addresses with their structure kept.
PERMUTATION, STRUCTURED_PERMUTATION = 5, 6
FLOW_ID = 148
_SCOPES, _RECORD = 2, struct.Struct("!HHHH")
_HEAD = struct.Struct("!HH")


def options_template_set() -> bytes:
    """Return the set that defines the options template."""
    fields = b"".join(struct.pack("!HH", element, 2) for element in (TEMPLATE_ID, ELEMENT_ID, FLAGS, TECHNIQUE))
    body = struct.pack("!HHH", ANONYMIZATION_TEMPLATE, 4, _SCOPES) + fields
    return _HEAD.pack(OPTIONS_SET, _HEAD.size + len(body)) + body


def anonymization_set(addresses: Mapping[int, Sequence[int]]) -> tuple[bytes, int]:
    """Return the set of options records, and how many they are.

    Parameters
    ----------
    addresses : the elements that hold addresses, by template
    """
    records = [
        _RECORD.pack(template, element, STABLE, PERMUTATION if element == FLOW_ID else STRUCTURED_PERMUTATION)
        for template, elements in addresses.items()
        for element in (*elements, FLOW_ID)
    ]
    body = b"".join(records)
    return _HEAD.pack(ANONYMIZATION_TEMPLATE, _HEAD.size + len(body)) + body, len(records)
