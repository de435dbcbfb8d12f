"""Kernel module: features of what dissection recognised without being sure: shares of message kinds, weak signs.

Called by ``features.row``. Decisive evidence never comes this far: such a flow needs no model.
"""

from __future__ import annotations

from typing import Any

from flowclass.features.common import ratio
from flowclass.features.feature import Feature
from flowclass.jit import kernel

_SIGNS = "FACTS §2.2: signs that fire on other traffic too"
#: IP protocol number of UDP (RFC 768).
UDP = 17

FEATURES = (
    Feature("sign_udp", "", "1 for UDP, 0 for any other transport", "media prefers UDP"),
    Feature(
        "sign_payload_share", "", "packets with payload as share of all packets", "TCP acknowledges, media does not"
    ),
    Feature("sign_rtp", "", "share of packets that pass the RTP header checks", _SIGNS),
    Feature("sign_rtcp", "", "share of packets that pass the RTCP header checks", _SIGNS),
    Feature("sign_stun", "", "share of packets that are STUN", _SIGNS),
    Feature("sign_wrapped", "", "share of packets with media inside TURN or another framing", _SIGNS),
)


@kernel
def fill(hot: Any, body: Any, row: Any, at: int) -> None:
    """Write the features of weak signs of one flow into ``row[at:]``."""
    a = body["window"][0]
    b = body["window"][1]
    total = float(int(a["packets"]) + int(b["packets"]))
    packets = float(int(body["packets"][0]) + int(body["packets"][1]))
    row[at] = 1.0 if int(hot["proto"]) == UDP else 0.0
    row[at + 1] = ratio(float(body["payload_packets"]), packets)
    row[at + 2] = ratio(float(a["rtp_shaped"]) + float(b["rtp_shaped"]), total)
    row[at + 3] = ratio(float(a["rtcp_shaped"]) + float(b["rtcp_shaped"]), total)
    row[at + 4] = ratio(float(a["stun"]) + float(b["stun"]), total)
    row[at + 5] = ratio(float(a["wrapped_media"]) + float(b["wrapped_media"]), total)
