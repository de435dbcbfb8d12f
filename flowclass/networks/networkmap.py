"""Host module: NetworkMap, a prefix file ready to be asked: whose a flow is, and which of its sides is the client."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from flowclass.calls.ends import TARGET, client_ends
from flowclass.errors import UsageError
from flowclass.networks.intervals import Intervals, Prefix
from flowclass.networks.prefixfile import Network, PrefixRow, read_prefixes
from flowclass.record.client import Client
from flowclass.record.packet import TunnelKind

#: The network of what no prefix covers; always the first of the names.
OTHER = Network("other")
#: Names a file may have: each becomes values of a label, and Prometheus wants few of them.
MAX_NETWORKS = 512
_ANY: tuple[Prefix, ...] = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))
#: (vlan, teid) of a row, None for any.
Selector = tuple[int | None, int | None]


class NetworkMap:
    """Networks by longest prefix, and by VLAN or TEID where the file names them.

    Parameters
    ----------
    rows : of a prefix file
    before : names that keep their numbers, because records and counters of an earlier file go on using them

    Attributes
    ----------
    networks : by number, `OTHER` first

    Raises
    ------
    UsageError
        There are more than MAX_NETWORKS names.

    Notes
    -----
    A row with a TEID beats one with a VLAN, and that one a row with neither, whatever their prefixes' lengths.
    """

    def __init__(self, rows: Iterable[PrefixRow], before: Sequence[Network] = (OTHER,)) -> None:
        numbers = {network.name: number for number, network in enumerate(before)}
        self.networks = list(before)
        groups: dict[Selector, list[tuple[Prefix, int]]] = {}
        for row in rows:
            number = numbers.setdefault(row.network.name, len(numbers))
            self.networks[number : number + 1] = [row.network]
            prefixes = _ANY if row.prefix is None else (row.prefix,)
            groups.setdefault((row.vlan, row.teid), []).extend((prefix, number) for prefix in prefixes)
        if len(self.networks) > MAX_NETWORKS:
            raise UsageError(
                f"{len(self.networks)} names of networks, and at most {MAX_NETWORKS} are of use as labels: "
                "name them by operator, and leave regions out"
            )
        self._plain = Intervals(groups.pop((None, None), []))
        # What decides is asked last.
        order = sorted(groups, key=lambda selector: (selector[1] is not None, selector[0] is not None))
        self._selected = [(selector, Intervals(groups[selector])) for selector in order]

    @classmethod
    def read(cls, path: str, before: Sequence[Network] = (OTHER,)) -> NetworkMap:
        """Return the map of a prefix file; UsageErrors are those of `read_prefixes` and of this class."""
        return cls(read_prefixes(path), before)

    @property
    def names(self) -> list[str]:
        """The networks' names, by number."""
        return [network.name for network in self.networks]

    def find(self, hi: Any, lo: Any, flows: Any) -> np.ndarray:
        """Return uint16[n], the network of one address (two words) of each of FLOW[n]."""
        found = self._plain.find(hi, lo)
        if self._selected and flows["depth"].any():
            self._select(found, hi, lo, flows)
        return found

    def _select(self, found: np.ndarray, hi: Any, lo: Any, flows: Any) -> None:
        """Set what rows with a VLAN or TEID say."""
        kinds, ids = flows["tunnel_kind"], flows["tunnel_id"]
        opened = np.arange(kinds.shape[1]) < flows["depth"][:, None]
        layers = {
            kind: np.where(opened & (kinds == kind), ids.astype(np.int64), -1)
            for kind in (TunnelKind.VLAN, TunnelKind.GTPU)
        }
        present = {kind: frozenset(np.unique(numbers).tolist()) for kind, numbers in layers.items()}
        for (vlan, teid), intervals in self._selected:
            wanted = [(TunnelKind.VLAN, vlan), (TunnelKind.GTPU, teid)]
            chosen = np.ones(len(flows), bool)
            for kind, number in wanted:
                if number is not None:
                    # Most VLANs and tunnels of a file are in no given batch: that is found out without an array.
                    if number not in present[kind]:
                        break
                    chosen &= (layers[kind] == number).any(axis=1)
            else:
                rows = np.flatnonzero(chosen)
                value = intervals.find(hi[rows], lo[rows])
                found[rows[value > 0]] = value[value > 0]

    def mark(self, flows: Any) -> None:
        """Set ``network`` and ``client`` of FLOW[n], or of rows with its addresses, ports and tunnels.

        The side that the file knows is the client; where it knows both, ports and private addresses decide as they do
        without a file.
        """
        source = self.find(flows["src_hi"], flows["src_lo"], flows)
        target = self.find(flows["dst_hi"], flows["dst_lo"], flows)
        # Whose application it is does not matter here: each has relay ports of its own, and both ends are clients.
        ends = client_ends(np.zeros(len(flows), np.uint8), flows)
        from_source = (source > 0) & ((target == 0) | (ends != TARGET))
        flows["network"][:, 0], flows["network"][:, 1] = source, target
        flows["client"] = np.where(from_source, Client.SOURCE, np.where(target > 0, Client.DESTINATION, Client.UNKNOWN))
