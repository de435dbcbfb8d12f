"""Host module: the classic-BPF program by which the kernel steers packets to the rings of a fanout group.

It looks at the outer addresses alone, so that both directions of a flow meet in one ring, and with them fragments,
ICMP and everything inside a tunnel between the two. Where exactly one of the two addresses lies in a client network,
it is the only one that counts: all flows of a client meet, whatever relay they lead to
(docs/decisions/0012-workers.md).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flowclass.errors import UsageError

# linux/bpf_common.h, linux/filter.h
LD_WORD, LD_HALF, LD_BYTE = 0x40, 0x48, 0x50  # at X + k
LD_EXTENSION, LD_MEMORY, LD_NUMBER, X_FROM_MEMORY = 0x20, 0x60, 0x00, 0x61
STORE, TO_X, FROM_X = 0x02, 0x07, 0x87
ADD, MULTIPLY, AND, SHIFT_RIGHT, XOR_X = 0x04, 0x24, 0x54, 0x74, 0xAC
JUMP, IF_EQUAL, IF_BITS, RETURN, RETURN_A = 0x05, 0x15, 0x45, 0x06, 0x16
#: Offsets from here on are those of the network header (SKF_NET_OFF), and what the kernel knows of the frame
#: (SKF_AD_OFF + SKF_AD_PROTOCOL: its EtherType behind the tag that was taken off).
NET, PROTOCOL = 0xFFF00000, 0xFFFFF000
IPV4, IPV6, VLAN, QINQ, MPLS, PPPOE = 0x0800, 0x86DD, 0x8100, 0x88A8, 0x8847, 0x8864
#: VLAN tags, beyond the one that the kernel takes off, and MPLS labels that are looked behind.
TAGS, LABELS = 2, 4
PPP_IPV4, PPP_IPV6 = 0x0021, 0x0057
#: Memory cells: hashes of source and destination, and where the IP header begins.
SOURCE, TARGET, HEADER = 0, 1, 2
#: 2^32 divided by the golden ratio: spreads neighbouring addresses; the upper half of the product is the better one.
GOLDEN, HALF = 0x9E3779B1, 16
#: Private and shared IPv4 (RFC 1918, RFC 6598) and unique local IPv6 (RFC 4193).
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
#: Client networks that fit into a program the kernel takes (BPF_MAXINSNS).
MAX_NETWORKS = 64

Instruction = tuple[int, int, int, int]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass
class _Program:
    """Instructions whose jumps name labels; all conditional jumps skip one long one, which reaches anywhere."""

    rows: list[tuple[int, int, int, int | str]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def put(self, code: int, k: int = 0) -> None:
        self.rows.append((code, 0, 0, k))

    def label(self, name: str) -> None:
        self.labels[name] = len(self.rows)

    def jump(self, label: str) -> None:
        self.rows.append((JUMP, 0, 0, label))

    def jump_if(self, value: int, label: str, code: int = IF_EQUAL) -> None:
        """Jump when A equals the value, or holds one of its bits."""
        self.rows.append((code, 0, 1, value))
        self.jump(label)

    def finished(self) -> list[Instruction]:
        return [
            (code, yes, no, self.labels[k] - at - 1 if isinstance(k, str) else k)
            for at, (code, yes, no, k) in enumerate(self.rows)
        ]


def steering(clients: Sequence[str] = ()) -> list[Instruction]:
    """Return the program; the kernel takes its result modulo the number of rings.

    Parameters
    ----------
    clients : networks of clients in CIDR notation, beside the private ones

    Raises
    ------
    UsageError
        One of them is none, or there are more than MAX_NETWORKS.
    """
    try:
        networks = [ipaddress.ip_network(text) for text in (*PRIVATE, *clients)]
    except ValueError as error:
        raise UsageError(f"capture.clients: {error}") from error
    if len(networks) > MAX_NETWORKS:
        raise UsageError(f"{len(clients)} client networks are too many for the kernel: {MAX_NETWORKS} at most")
    program = _Program()
    program.put(LD_NUMBER, 0)
    program.put(TO_X)
    program.put(LD_EXTENSION, PROTOCOL)
    for layer in range(TAGS + 1):
        program.jump_if(IPV4, "ipv4")
        program.jump_if(IPV6, "ipv6")
        program.jump_if(MPLS, "mpls")
        program.jump_if(PPPOE, "pppoe")
        if layer < TAGS:
            for tag in (VLAN, QINQ):
                program.jump_if(tag, f"tag{layer}")
            program.jump("other")
            program.label(f"tag{layer}")
            program.put(LD_HALF, NET + 2)
            program.rows += _move_x(4)
    program.jump("other")
    program.label("mpls")
    for _ in range(LABELS):
        program.put(LD_BYTE, NET + 2)
        program.rows += _move_x(4)
        program.jump_if(1, "bottom", IF_BITS)
    program.jump("other")
    program.label("bottom")
    program.put(LD_BYTE, NET)
    program.put(SHIFT_RIGHT, 4)
    program.jump_if(4, "ipv4")
    program.jump_if(6, "ipv6")
    program.jump("other")
    program.label("pppoe")
    program.put(LD_HALF, NET + 6)
    program.rows += _move_x(8)
    program.jump_if(PPP_IPV4, "ipv4")
    program.jump_if(PPP_IPV6, "ipv6")
    program.label("other")
    program.put(RETURN, 0)
    _put_version(program, 4, 12, [one for one in networks if one.version == 4])
    _put_version(program, 6, 8, [one for one in networks if one.version == 6])
    return program.finished()


def _move_x(step: int) -> Iterable[tuple[int, int, int, int | str]]:
    """Return instructions that add to X and leave A alone, by way of a memory cell."""
    return ((STORE, 0, 0, SOURCE), (FROM_X, 0, 0, 0), (ADD, 0, 0, step), (TO_X, 0, 0, 0), (LD_MEMORY, 0, 0, SOURCE))


def _put_version(program: _Program, version: int, start: int, networks: Sequence[Network]) -> None:
    """Put the part for one IP version, whose two addresses begin at ``start`` of its header."""
    words = 1 if version == 4 else 4
    target = start + 4 * words
    name = f"ipv{version}"
    program.label(name)
    program.put(FROM_X)
    program.put(STORE, HEADER)
    _put_fold(program, SOURCE, start, words)
    _put_fold(program, TARGET, target, words)
    _put_tests(program, networks, start, f"{name}-source")
    _put_tests(program, networks, target, f"{name}-target-alone")
    program.jump(f"{name}-both")
    program.label(f"{name}-source")
    _put_tests(program, networks, target, f"{name}-both")
    program.put(LD_MEMORY, SOURCE)
    program.jump(f"{name}-spread")
    program.label(f"{name}-target-alone")
    program.put(LD_MEMORY, TARGET)
    program.jump(f"{name}-spread")
    program.label(f"{name}-both")
    program.put(X_FROM_MEMORY, SOURCE)
    program.put(LD_MEMORY, TARGET)
    program.put(XOR_X)
    program.label(f"{name}-spread")
    program.put(MULTIPLY, GOLDEN)
    program.put(SHIFT_RIGHT, HALF)
    program.put(RETURN_A)


def _put_fold(program: _Program, cell: int, start: int, words: int) -> None:
    """Put a hash of an address into a memory cell; X is the header's place before and after."""
    for word in range(words):
        program.put(LD_WORD, NET + start + 4 * word)
        if word:
            program.put(X_FROM_MEMORY, cell)
            program.put(XOR_X)
        program.put(MULTIPLY, GOLDEN)
        program.put(TO_X)
        program.put(SHIFT_RIGHT, HALF)
        program.put(XOR_X)
        program.put(STORE, cell)
        program.put(X_FROM_MEMORY, HEADER)


def _put_tests(program: _Program, networks: Sequence[Network], start: int, label: str) -> None:
    """Put a jump to the label for addresses, at ``start`` of the header, in one of the networks."""
    for network in networks:
        following = f"{label}-not-{network}"
        bits = network.max_prefixlen
        for word in range(bits // 32):
            shift = bits - 32 * (word + 1)
            mask, value = (int(one) >> shift & 0xFFFFFFFF for one in (network.netmask, network.network_address))
            if mask:
                program.put(LD_WORD, NET + start + 4 * word)
                program.put(AND, mask)
                program.rows.append((IF_EQUAL, 1, 0, value))
                program.jump(following)
        program.jump(label)
        program.label(following)
