"""Host module: exceptions of ``python -m bench.calls`` and their reasons, by capture and what differs."""

from __future__ import annotations

_QUIET = "Discord sends nothing while nobody speaks: both had been heard before both spoke within one second"
_CUT = "flows cut to their first packets, each of its own hosts: nothing says that they are one call"
_TEST = "Zoom's test of the bandwidth (media type 0x15, 1,036 bytes filled with a counter) and its handshake: no"
_GENERATOR = "RTP of a traffic generator, which the corpus labels as no call"
_FALSE = "a false call: the model takes WebRTC of another kind for media"
_ZOOM_CUT = "a Zoom meeting's media cut to half a second, which the corpus calls signalling"

KNOWN: dict[tuple[str, str], str] = {
    ("LINFO1341-Artal44/Audio__audio.pcapng", "talk"): _QUIET,
    ("LINFO1341-Artal44/audio.pcapng", "talk"): _QUIET,
    ("LINFO1341-Artal44/Screen__screen.pcapng", "talk"): f"{_QUIET}; the rest is a shared screen each way in turn",
    ("LINFO1341-QuentMe/qReacts_nil20_aReacts35.pcapng", "talk"): (
        "no RTP: both are muted, and receiver reports go both ways until the end"
    ),
    ("LINFO1341-menace31/packet1.pcapng", "talk"): f"{_TEST} audio or video before the capture ends",
    ("asterisk-testsuite/CUSTOMER_G711U.pcap", "number"): (
        "an exchange's two legs, one way each, from two hosts to two of its ports: begin and end alone would join them"
    ),
    ("nDPI/big_endian_issue.pcapng", "number"): f"{_TEST} audio or video in its 1.7 s",
    ("nDPI/zoom.pcap", "number"): f"{_TEST} audio or video in its 1.4 s",
    ("nDPI/discord.pcap", "any"): _CUT,
    ("nDPI/false_positives.pcapng", "number"): _CUT,
    ("nDPI/stun_classic.pcap", "application"): "RTP beside classic STUN: nothing names an application",
    ("nDPI/zoom_p2p.pcapng", "number"): "one packet 20 s later, which is no call",
    ("LINFO1341-Baboushka/K3AW-LeaveBeforeResponse.pcapng", "call"): "given up before the answer, as its name says",
    ("LINFO1341-Baboushka/K4AW-MissedCall.pcapng", "call"): "a missed call, as its name says",
    ("nDPI/whatsapp_voice_and_message.pcap", "call"): "a call that rang for a minute and was not answered",
    ("LINFO1341-CarlierLouis/Call_NavWeb.pcapng", "call"): "a call in a browser; its flow is labelled signalling",
    ("LINFO1341-CarlierLouis/SameWifi_Messages_Send_and_Recieve.pcapng", "call"): "RTCP of a voice channel left open",
    ("LINFO1341-menace31/packet12.pcapng", "call"): "a Zoom meeting that was joined for seconds; labelled signalling",
    ("nDPI/adult_content.pcap", "call"): _FALSE,
    ("nDPI/geforcenow.pcapng", "call"): _FALSE,
    ("peafowl/sip-rtp.pcap", "call"): "RTP of a telephony call cut to its first packets, labelled with its RTCP",
    ("trex-core/delay_10_rtp_160k_0.pcap", "call"): _GENERATOR,
    ("trex-core/delay_10_video_call_rtp_0.pcap", "call"): _GENERATOR,
    ("trex-core/delay_video_call_rtp_0.pcap", "call"): _GENERATOR,
    ("trex-core/rtp_250k_1_0.pcap", "call"): _GENERATOR,
    ("trex-core/rtp_250k_rtp_only_1.pcap", "call"): _GENERATOR,
    ("trex-core/rtsp_short.pcap", "call"): "a false call: nine packets of a film that RTSP (TCP port 554) asked for",
    ("zoom-analysis/zoom_test.pcap", "call"): _ZOOM_CUT,
}  # fmt: skip
