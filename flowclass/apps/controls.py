"""Kernel module: what the RTCP of an application looks like when nothing but control of a call is seen.

A muted call, or the socket of a call whose media went elsewhere, sends RTCP alone. SRTCP leaves the first packet's
type, length and sender in clear (RFC 3711 §3.4), and applications number their sources and extend their reports in
ways of their own: each declares `Control`s. Two packets of one sender are needed, so a single forged one shows nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import add_reason
from flowclass.apps.declared import OWNED_FIELDS, rows_of
from flowclass.apps.habit import FIRST_CONTROL, Control
from flowclass.dissect.load import be16
from flowclass.dissect.rtcp import RECEIVER_REPORT, SENDER_REPORT, sender_ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of

#: Packets of one sender that show it.
PACKETS_NEEDED = 2
#: Bytes of a receiver and of a sender report without blocks, and of a block (RFC 3550 §6.4).
RECEIVER_BYTES, SENDER_BYTES, BLOCK_BYTES = 8, 28, 24
#: ``extended`` of a row: either way.
EITHER = 2

_CONTROL = dtype_of(
    (
        *OWNED_FIELDS,
        Field("types", "u4", "bit set of RTCP packet types from 192 on"),
        Field("extended", "u1", "1 for reports with an extension, 0 for those without, 2 for either"),
    )
)


def _fill(row: np.ndarray, control: Control) -> None:
    row["types"] = sum(1 << (kind - FIRST_CONTROL) for kind in set(control.types))
    row["extended"] = EITHER if control.extended is None else control.extended


CONTROLS = rows_of("CONTROLS", _CONTROL, _fill)


@kernel
def is_extended(data: Any, lo: int) -> int:
    """Return 1 when a report is longer than its blocks, else 0; any RTCP packet that is no report gives 0."""
    word = be16(data, lo)
    kind = word & 0xFF
    bare = SENDER_BYTES if kind == SENDER_REPORT else RECEIVER_BYTES
    if kind != SENDER_REPORT and kind != RECEIVER_REPORT:
        return 0
    return 1 if (be16(data, lo + 2) + 1) << 2 > bare + ((word >> 8) & 0x1F) * BLOCK_BYTES else 0


@kernel
def shown(data: Any, lo: int) -> int:
    """Return the place of the first row of CONTROLS that the RTCP packet at ``lo`` shows, or -1."""
    kind = (be16(data, lo) & 0xFF) - FIRST_CONTROL
    source = sender_ssrc(data, lo)
    extended = is_extended(data, lo)
    for place in range(CONTROLS.shape[0]):
        control = CONTROLS[place]
        if not int64(control["types"]) >> kind & 1 or not control["ssrc_least"] <= source <= control["ssrc_most"]:
            continue
        if control["extended"] == EITHER or control["extended"] == extended:
            return place
    return -1


@kernel
def note_controls(data: Any, lo: int, direction: int, apps_state: Any) -> int:
    """Note the Reason that an RTCP packet of eight captured bytes or more shows; return 1 when it is decisive and new.

    Parameters
    ----------
    data : uint8[:]
    lo : first byte of the RTCP packet
    direction : 0 forward, 1 reverse
    apps_state : APPS_STATE, in which ``rtp`` remembers the latest sender of either direction
    """
    place = shown(data, lo)
    if place < 0:
        return 0
    control = CONTROLS[place]
    memory = apps_state["rtp"]
    source = sender_ssrc(data, lo)
    target = int64(control["word"]) + 1
    same = memory["control_ssrc"][direction] == source and memory["control_word"][direction] == target
    count = min(int64(memory["control_packets"][direction]) + 1, 255) if same else 1
    memory["control_ssrc"][direction] = source
    memory["control_word"][direction] = target
    memory["control_packets"][direction] = count
    if count < PACKETS_NEEDED:
        return 0
    return add_reason(apps_state, int64(control["word"]), int64(control["bit"]))
