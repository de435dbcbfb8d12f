"""Host module: an IPsec tunnel between the two hosts of a wire: IKEv2 and ESP in UDP by strongSwan in user space."""

from __future__ import annotations

from pathlib import Path

from pcaps.lab.net import Host, Wire, need, wait_for
from pcaps.lab.vpn import INNER_FAR, INNER_NEAR

CHARON = "/usr/lib/ipsec/charon"
#: libipsec encrypts in the program itself: no help of the kernel is needed, and ESP travels in UDP always.
DAEMON = """\
charon {{
  install_virtual_ip = no
  filelog {{ stderr {{ default = 1 }} }}
  load = random nonce aes sha1 sha2 hmac kdf gmp pem x509 kernel-libipsec kernel-netlink socket-default vici
  plugins {{
    vici {{ socket = unix://{folder}/{name}.vici }}
  }}
}}
"""
CONNECTION = """\
connections {{
  lab {{
    version = 2
    encap = yes
    local_addrs = {mine}
    remote_addrs = {other}
    local {{ auth = psk
      id = {mine} }}
    remote {{ auth = psk
      id = {other} }}
    children {{
      net {{ esp_proposals = aes128-sha256
        local_ts = {inner}/32
        remote_ts = {inner_other}/32 }}
    }}
  }}
}}
secrets {{
  ike-lab {{ secret = only-for-the-laboratory }}
}}
"""


def _socket(host: Host) -> str:
    return f"unix://{host.folder}/{host.name}.vici"


def _configure(host: Host, other: Host, inner: str, inner_other: str) -> Path:
    """Start the daemon of a host and tell it of the connection."""
    settings = host.folder / f"{host.name}.strongswan.conf"
    settings.write_text(DAEMON.format(folder=host.folder, name=host.name))
    connection = host.folder / f"{host.name}.swanctl.conf"
    connection.write_text(
        CONNECTION.format(mine=host.address, other=other.address, inner=inner, inner_other=inner_other)
    )
    host.run("ip", "address", "add", f"{inner}/32", "dev", "lo")
    # Its process id goes to /run, of which each host has its own.
    command = f"mount -t tmpfs tmpfs /run && exec {CHARON}"
    host.start("sh", "-c", command, env={"STRONGSWAN_CONF": str(settings)})
    wait_for(lambda: (host.folder / f"{host.name}.vici").exists(), "IPsec daemon")
    host.run("swanctl", "--load-all", "--uri", _socket(host), "--file", str(connection))
    return connection


def ipsec(wire: Wire) -> None:
    """Lay an IPsec tunnel that near begins."""
    need(CHARON, "swanctl")
    _configure(wire.far, wire.near, INNER_FAR, INNER_NEAR)
    _configure(wire.near, wire.far, INNER_NEAR, INNER_FAR)
    wire.near.run("swanctl", "--initiate", "--child", "net", "--uri", _socket(wire.near))
