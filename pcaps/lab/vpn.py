"""Host module: tunnels between the two hosts of a wire: WireGuard, OpenVPN and L2TP, with throw-away keys.

A tunnel gives both hosts a second address (RFC 1918); what is sent between those travels encrypted over the wire.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pcaps.lab.net import Host, LabError, Wire, need, run, wait_for

#: Addresses inside, of the near and the far host.
INNER_NEAR, INNER_FAR = "10.30.0.2", "10.30.0.1"
WIREGUARD_PORT, OPENVPN_PORT, L2TP_PORT = 51820, 1194, 1701


@dataclass(frozen=True)
class OpenVpn:
    """How OpenVPN is set up.

    Attributes
    ----------
    proto : "udp" or "tcp"
    port : where the server listens
    wrap : "" for plain TLS, "tls-auth" or "tls-crypt" for a shared key around the control channel
    cipher : of the data channel
    """

    proto: str = "udp"
    port: int = OPENVPN_PORT
    wrap: str = ""
    cipher: str = "AES-256-GCM"


def wireguard(wire: Wire, port: int = WIREGUARD_PORT) -> None:
    """Lay a WireGuard tunnel from near to far, whose side listens on ``port``."""
    need("wireguard-go", "wg")
    keys = {}
    for host in (wire.near, wire.far):
        private = run(["wg", "genkey"]).strip()
        file = host.folder / f"{host.name}.key"
        file.touch(mode=0o600)
        file.write_text(private)
        public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True)
        keys[host.name] = file, public.stdout.strip()
    for host, other, inner in ((wire.far, wire.near, INNER_FAR), (wire.near, wire.far, INNER_NEAR)):
        # Its control socket is named by the device and lies outside the namespace.
        device = host.name.replace("lab-", "wg")
        host.start("wireguard-go", "--foreground", device, env={"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"})
        wait_for(partial(has_device, host, device), "WireGuard device")
        file, _ = keys[host.name]
        peer = ["peer", keys[other.name][1], "allowed-ips", "0.0.0.0/0"]
        if host is wire.far:
            host.run("wg", "set", device, "listen-port", str(port), "private-key", str(file), *peer)
        else:
            endpoint = ["endpoint", f"{other.address}:{port}", "persistent-keepalive", "25"]
            host.run("wg", "set", device, "private-key", str(file), *peer, *endpoint)
        host.run("ip", "address", "add", f"{inner}/24", "dev", device)
        host.run("ip", "link", "set", device, "mtu", "1420", "up")


def has_device(host: Host, name: str) -> bool:
    """Whether a host has a network device."""
    try:
        host.run("ip", "link", "show", name)
    except LabError:
        return False
    return True


def make_authority(folder: Path) -> None:
    """Make a throw-away authority ``ca``, and keys and certificates ``near`` and ``far`` that it signed."""
    need("openssl")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]
    ca = folder / "ca"
    run([*new, "-x509", "-days", "2", "-subj", "/CN=lab", "-keyout", f"{ca}.key", "-out", f"{ca}.crt"])
    for name, usage in (("near", "clientAuth"), ("far", "serverAuth")):
        end = folder / name
        (folder / f"{name}.ext").write_text(f"keyUsage=digitalSignature\nextendedKeyUsage={usage}\n")
        run([*new, "-subj", f"/CN={name}", "-keyout", f"{end}.key", "-out", f"{end}.csr"])
        sign = ["openssl", "x509", "-req", "-in", f"{end}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-days", "2"]
        run([*sign, "-CAcreateserial", "-extfile", f"{end}.ext", "-out", f"{end}.crt"])
        Path(f"{end}.key").chmod(0o600)


def openvpn(wire: Wire, setup: OpenVpn) -> None:
    """Lay an OpenVPN tunnel from near, the client, to far, the server."""
    need("openvpn")
    folder = wire.near.folder
    make_authority(folder)
    common = ["openvpn", "--dev", "tun0", "--dev-type", "tun", "--cipher", setup.cipher, "--data-ciphers", setup.cipher]
    common += ["--ca", str(folder / "ca.crt"), "--port", str(setup.port)]
    common += ["--auth", "SHA256", "--keepalive", "10", "60", "--verb", "3", "--persist-key"]
    if setup.wrap:
        key = folder / "shared.key"
        run(["openvpn", "--genkey", "secret", str(key)])
        common += ["--" + setup.wrap, str(key)]
    ends = (
        (wire.far, "far", ["--server", "10.30.0.0", "255.255.255.0", "--topology", "subnet", "--dh", "none"]),
        (wire.near, "near", ["--client", "--remote", wire.far.address, "--remote-cert-tls", "server", "--nobind"]),
    )
    roles = {"udp": ("udp", "udp"), "tcp": ("tcp-server", "tcp-client")}[setup.proto]
    for (host, end, words), role, direction in zip(ends, roles, "01", strict=True):
        if setup.wrap == "tls-auth":
            words += ["--key-direction", direction]
        identity = ["--cert", str(folder / f"{end}.crt"), "--key", str(folder / f"{end}.key")]
        host.start(*common, *identity, "--proto", role, *words)
        if end == "far":
            wait_for(lambda: wire.far.listens(setup.port, udp=setup.proto == "udp"), "OpenVPN server")
    wait_for(lambda: wire.near.says("Initialization Sequence Completed"), "OpenVPN tunnel")


#: What each end of an L2TP tunnel needs; no PPP is spoken, which would need the kernel's help.
L2TP_ENDS = {
    "far": "[lns default]\nip range = {near}-{near}\nlocal ip = {far}\nrequire authentication = no\n",
    "near": "[lac lab]\nlns = {server}\nautodial = yes\n",
}


def l2tp(wire: Wire, seconds: float) -> None:
    """Let near set up an L2TP tunnel and a session in it, and try for some seconds to speak PPP."""
    need("xl2tpd")
    for host, end in ((wire.far, "far"), (wire.near, "near")):
        base = host.folder / host.name
        text = L2TP_ENDS[end].format(near=INNER_NEAR, far=INNER_FAR, server=wire.far.address)
        base.with_suffix(".conf").write_text(f"[global]\nlisten-addr = {host.address}\n{text}pppoptfile = /dev/null\n")
        base.with_suffix(".secrets").touch()
        files = {"-c": ".conf", "-s": ".secrets", "-p": ".pid", "-C": ".control"}
        host.start("xl2tpd", "-D", *(word for flag, suffix in files.items() for word in (flag, f"{base}{suffix}")))
        wait_for(partial(host.listens, L2TP_PORT), "L2TP daemon")
    time.sleep(seconds)
