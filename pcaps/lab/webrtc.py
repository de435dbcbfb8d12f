"""Host module: WebRTC calls between two aiortc peers, straight or through coturn."""

from __future__ import annotations

from pcaps.lab.net import LabError, Wire, need, wait_for

USER, PASSWORD = "lab", "lab-password"
TURN_PORT = 3478
PEER = "pcaps.lab.programs.webrtc_peer"


def turn_server(wire: Wire) -> str:
    """Start coturn on the far host; return its address as ICE wants it."""
    need("turnserver")
    options = ["--user", f"{USER}:{PASSWORD}", "--realm", "lab.example", "--lt-cred-mech", "--no-cli", "--no-tls"]
    files = ["--pidfile", str(wire.far.folder / "turn.pid"), "--userdb", str(wire.far.folder / "turn.db")]
    where = ["--listening-ip", wire.far.address, "--relay-ip", wire.far.address, "--listening-port", str(TURN_PORT)]
    wire.far.start("turnserver", "-n", "--no-dtls", "--log-file", "stdout", *options, *files, *where)
    wait_for(lambda: wire.far.listens(TURN_PORT), "TURN server")
    return f"turn:{wire.far.address}:{TURN_PORT}"


def block_all_but(wire: Wire, port: int) -> None:
    """Let near send UDP to no other port, as a strict firewall does: the peers must use the relay."""
    need("nft")
    wire.near.run("nft", "add table ip lab")
    wire.near.run("nft", "add chain ip lab out { type filter hook output priority 0 ; }")
    wire.near.run("nft", f"add rule ip lab out udp dport != {port} drop")


def call(wire: Wire, seconds: float, media: str = "audio", *, relayed: bool = False) -> None:
    """Let near call far; with ``relayed`` near's side goes through a TURN server on the far host."""
    turn = [turn_server(wire)] if relayed else []
    if relayed:
        block_all_but(wire, TURN_PORT)
    folder = str(wire.near.folder)
    ends = [
        wire.far.python(PEER, "answer", folder, str(seconds), media),
        wire.near.python(PEER, "offer", folder, str(seconds), media, *turn),
    ]
    if any([end.wait() for end in ends]):
        raise LabError("a WebRTC peer failed: see its log")
