"""Host module: exceptions of ``python -m bench.calls`` and their reasons, by capture and what differs."""

from __future__ import annotations

_QUIET = "Discord sends nothing while nobody speaks: both had been heard before both spoke within one second"
_OTHER_RELAY = "the first seconds, of the same source, went over another relay, which the corpus calls signalling"
_CUT = "flows cut to their first packets, each of its own hosts: nothing says that they are one call"
_NO_RTP = "no RTP in it: what tshark's reading takes for media are handshakes and keepalives"
_GENERATOR = "RTP of a traffic generator, which the corpus labels as no call"
_FALSE = "a false call: the model takes WebRTC of another kind for media"
_ZOOM_CUT = "a Zoom meeting's media cut to half a second, which the corpus calls signalling"

KNOWN: dict[tuple[str, str], str] = {
    ("LINFO1341-Artal44/Audio__audio.pcapng", "talk"): _QUIET,
    ("LINFO1341-Artal44/audio.pcapng", "talk"): _QUIET,
    ("LINFO1341-Artal44/Screen__screen.pcapng", "talk"): f"{_QUIET}; the rest is a shared screen each way in turn",
    ("LINFO1341-QuentMe/qReacts_nil20_aReacts35.pcapng", "talk"): "both muted: RTCP alone tells how long it lasted",
    ("LINFO1341-Zyth0x/appel_simple_fichier.pcapng", "talk"): _OTHER_RELAY,
    ("LINFO1341-Zyth0x/appel_simple_message.pcapng", "talk"): _OTHER_RELAY,
    ("LINFO1341-Zyth0x/appel_simple_partage_ecran.pcapng", "talk"): _OTHER_RELAY,
    ("LINFO1341-menace31/packet1.pcapng", "talk"): _NO_RTP,
    ("LINFO1341-menace31/packet2.pcapng", "media"): "too few packets of the video to recover its clock",
    ("Shganga/chrome.pcapng", "talk"): "a muted voice channel: RTCP alone, less than one a second",
    ("asterisk-testsuite/CUSTOMER_G711U.pcap", "number"): "two one-way streams of different hosts: nothing joins them",
    ("nDPI/big_endian_issue.pcapng", "number"): f"{_NO_RTP}; a second and a half of Zoom",
    ("nDPI/zoom.pcap", "number"): f"{_NO_RTP}; a second and a half of Zoom",
    ("nDPI/discord.pcap", "any"): _CUT,
    ("nDPI/false_positives.pcapng", "number"): _CUT,
    ("nDPI/stun_classic.pcap", "application"): "RTP beside classic STUN: nothing names an application",
    ("nDPI/telegram.pcap", "any"): "two calls on two sockets, 8 s apart: tshark's reading joins what is within 10 s",
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
    ("zoom-analysis/zoom_test.pcap", "call"): _ZOOM_CUT,
}  # fmt: skip
