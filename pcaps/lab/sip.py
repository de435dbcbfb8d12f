"""Host module: SIP calls between two baresips, one an audio codec, with RTP and RTCP as the program sends them."""

from __future__ import annotations

import array
import math
import random
import wave
from pathlib import Path

from pcaps.lab.net import Host, need, wait_for

SIP_PORT = 5060
#: Seconds of sound that each side has to say; it begins again after that.
SOUND_S = 10
#: baresip's module and name of each codec.
CODECS = {
    "pcmu": ("g711", "PCMU/8000/1"),
    "pcma": ("g711", "PCMA/8000/1"),
    "g722": ("g722", "G722/16000/1"),
    "opus": ("opus", "opus/48000/2"),
    "gsm": ("gsm", "GSM/8000/1"),
}
CONFIG = """\
sip_listen {address}:{port}
net_interface {device}
audio_source aufile,{sound}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels {channels}
auplay_channels {channels}
rtp_ports {rtp}-{rtp_end}
rtcp_mux no
module_path /usr/lib/baresip/modules
module {module}.so
module aufile.so
module aubridge.so
module_tmp account.so
module_app menu.so
"""


def write_speech(path: Path, rate: int, channels: int) -> None:
    """Write some seconds of what is like speech: a tone and noise whose loudness comes and goes four times a second."""
    draw = random.Random(1)
    samples = array.array("h")
    for i in range(rate * SOUND_S):
        loudness = 0.5 - 0.5 * math.cos(2 * math.pi * 4 * i / rate)
        value = round(loudness * (8000 * math.sin(2 * math.pi * 220 * i / rate) + draw.uniform(-1000, 1000)))
        samples.extend([value] * channels)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def configure(host: Host, user: str, address: str, codec: str, rtp: int) -> Path:
    """Write a baresip's folder of settings; return it."""
    module, name = CODECS[codec]
    _, rate, channels = name.split("/")
    folder = host.folder / f"baresip-{user}"
    folder.mkdir()
    sound = folder / "speech.wav"
    write_speech(sound, int(rate), int(channels))
    values = {"address": address, "rate": rate, "channels": channels, "module": module, "sound": sound}
    device = host.device_of(address)
    settings = CONFIG.format(port=SIP_PORT, device=device, rtp=rtp, rtp_end=rtp + 20, **values)
    (folder / "config").write_text(settings)
    answer = ";answermode=auto" if user == "far" else ""
    account = f"<sip:{user}@{address}>;regint=0;audio_codecs={name}{answer}\n"
    (folder / "accounts").write_text(account)
    (folder / "contacts").write_text("")
    return folder


def call(near: Host, far: Host, codec: str, seconds: float, near_address: str = "", far_address: str = "") -> None:
    """Let near call far for some seconds; addresses default to those of the wire."""
    need("baresip")
    there = far_address or far.address
    folder = configure(far, "far", there, codec, 20_000)
    far.start("baresip", "-f", str(folder))
    wait_for(lambda: far.listens(SIP_PORT), "baresip")
    folder = configure(near, "near", near_address or near.address, codec, 30_000)
    # -t ends it after so long, which hangs up.
    near.start("baresip", "-f", str(folder), "-t", str(round(seconds)), "-e", f"/dial sip:far@{there}").wait()
