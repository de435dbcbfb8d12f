"""Host module: an AnyConnect tunnel between the two hosts of a wire: OpenConnect to ocserv, over TLS and DTLS."""

from __future__ import annotations

from pcaps.lab.net import LabError, Wire, need, run, wait_for
from pcaps.lab.vpn import make_authority

PORT = 443
USER, PASSWORD = "lab", "only-for-the-laboratory"
#: The server's address inside; the client is given another of the network.
INNER_SERVER = "10.30.0.1"
SETTINGS = """\
auth = "plain[passwd={folder}/passwd]"
tcp-port = {port}
udp-port = {port}
listen-host = {address}
run-as-user = root
run-as-group = root
socket-file = {folder}/ocserv.sock
pid-file = {folder}/ocserv.pid
server-cert = {folder}/far.crt
server-key = {folder}/far.key
isolate-workers = false
use-occtl = false
device = vpns
ipv4-network = 10.30.0.0
ipv4-netmask = 255.255.255.0
cisco-client-compat = true
dtls-legacy = true
"""
#: What OpenConnect runs to set up its device.
SCRIPT = """\
#!/bin/sh
[ "$reason" = connect ] || exit 0
ip link set "$TUNDEV" up mtu 1400
ip address add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
"""


def anyconnect(wire: Wire) -> tuple[str, str]:
    """Lay the tunnel from near, the client; return the inner addresses of near and far."""
    need("ocserv", "ocpasswd", "openconnect", "openssl")
    folder = wire.far.folder
    make_authority(folder)
    (folder / "passwd").touch()
    run(["sh", "-c", f"printf '{PASSWORD}\\n{PASSWORD}\\n' | ocpasswd -c {folder}/passwd {USER}"])
    settings = folder / "ocserv.conf"
    settings.write_text(SETTINGS.format(folder=folder, port=PORT, address=wire.far.address))
    wire.far.start("ocserv", "--foreground", "--config", str(settings))
    wait_for(lambda: wire.far.listens(PORT, udp=False), "AnyConnect server")
    script = folder / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    pin = run(["sh", "-c", f"openssl x509 -in {folder}/far.crt -pubkey -noout | openssl pkey -pubin -outform der"
                           " | openssl dgst -sha256 -binary | base64"]).strip()  # fmt: skip
    words = f"--passwd-on-stdin -u {USER} --servercert pin-sha256:{pin} -s {script} https://{wire.far.address}"
    wire.near.start("sh", "-c", f"echo {PASSWORD} | openconnect {words}")
    wait_for(lambda: wire.near.says("Established DTLS connection"), "AnyConnect tunnel")
    wait_for(lambda: " 10.30.0." in wire.near.run("ip", "-4", "address"), "address inside")
    inside = [word for word in wire.near.run("ip", "-4", "address").split() if word.startswith("10.30.0.")]
    if not inside:
        raise LabError("no address inside the AnyConnect tunnel")
    return inside[0].partition("/")[0], INNER_SERVER
