"""Host module: Enrichment, all that settings add to a flow from outside the capture: network, country, AS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowclass.networks.geo import Geo
from flowclass.networks.networkmap import OTHER, NetworkMap
from flowclass.networks.prefixfile import Network


@dataclass(frozen=True)
class EnrichmentSettings:
    """Files, None for what is not wanted.

    Attributes
    ----------
    file : prefix file
    country_mmdb, asn_mmdb : MaxMind databases
    """

    file: str | None = None
    country_mmdb: str | None = None
    asn_mmdb: str | None = None

    def __bool__(self) -> bool:
        return any((self.file, self.country_mmdb, self.asn_mmdb))


class Enrichment:
    """Sets the fields of FLOW that come from files of the user's.

    Parameters
    ----------
    settings : which files

    Attributes
    ----------
    settings : those in use
    networks : by their number in FLOW; after a reload names keep their numbers and new ones are added

    Raises
    ------
    UsageError
        A file cannot be used.
    """

    def __init__(self, settings: EnrichmentSettings) -> None:
        self.networks: list[Network] = [OTHER]
        self.reload(settings)

    def reload(self, settings: EnrichmentSettings) -> None:
        """Read the files again; one that cannot be used changes nothing and raises UsageError."""
        prefixes = None if settings.file is None else NetworkMap.read(settings.file, self.networks)
        geo = None
        if settings.country_mmdb is not None or settings.asn_mmdb is not None:
            geo = Geo(settings.country_mmdb, settings.asn_mmdb)
        # Old databases are let go, not closed: another thread may be looking something up.
        self.settings, self._map, self._geo = settings, prefixes, geo
        if prefixes is not None:
            self.networks = prefixes.networks

    @property
    def names(self) -> tuple[str, ...]:
        """The networks' names by number."""
        return tuple(network.name for network in self.networks)

    def mark(self, flows: Any) -> None:
        """Set ``network``, ``client``, ``country`` and ``asn`` of FLOW[n], to nothing where there is no file."""
        for name in ("country", "asn"):
            flows[name] = 0
        self.locate(flows)
        if self._geo is not None:
            self._geo.mark(flows)

    def locate(self, flows: Any) -> None:
        """Set ``network`` and ``client`` alone, to nothing without a prefix file."""
        for name in ("network", "client"):
            flows[name] = 0
        if self._map is not None:
            self._map.mark(flows)
