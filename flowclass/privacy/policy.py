"""Host module: RecordPolicy, what records say of people: the networks that are added, the addresses that are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.batch import Calls
from flowclass.networks.enrichment import Enrichment, EnrichmentSettings
from flowclass.networks.prefixfile import Network
from flowclass.privacy.anonymizer import Anonymizer


@dataclass(frozen=True)
class PolicySettings:
    """Files that records depend on.

    Attributes
    ----------
    networks : see EnrichmentSettings
    key_file : key of anonymisation, None to leave addresses as they are
    """

    networks: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    key_file: str | None = None

    @classmethod
    def of(cls, tables: dict[str, dict[str, Any]], networks: str | None, key_file: str | None) -> PolicySettings:
        """Return what a settings file's tables say; the two options that are not None win over it."""
        values = {name: value or None for name, value in tables.get("networks", {}).items()}
        if networks is not None:
            values["file"] = networks or None
        chosen = tables.get("privacy", {}).get("key_file") if key_file is None else key_file
        return cls(EnrichmentSettings(**values), chosen or None)


class RecordPolicy:
    """Marks and hides, between the classifier and whoever takes records.

    Parameters
    ----------
    settings : which files; without any nothing is done

    Attributes
    ----------
    settings : those in use
    enrichment : None where there never was a file of it

    Raises
    ------
    UsageError
        A file cannot be used.
    """

    def __init__(self, settings: PolicySettings | None = None) -> None:
        self.settings = settings or PolicySettings()
        self.enrichment = Enrichment(self.settings.networks) if self.settings.networks else None
        self._anonymizer = None if self.settings.key_file is None else Anonymizer.read(self.settings.key_file)

    @property
    def hides(self) -> bool:
        """Whether addresses are anonymised."""
        return self._anonymizer is not None

    def reload(self, settings: PolicySettings) -> None:
        """Read the files again; one that cannot be used changes nothing and raises UsageError."""
        anonymizer = None if settings.key_file is None else Anonymizer.read(settings.key_file)
        if self.enrichment is not None:
            self.enrichment.reload(settings.networks)
        elif settings.networks:
            self.enrichment = Enrichment(settings.networks)
        self.settings, self._anonymizer = settings, anonymizer

    def networks(self) -> Sequence[Network]:
        """Return the networks of the prefix file, by number; none without one."""
        return () if self.network_name(0) is None or self.enrichment is None else self.enrichment.networks

    def network_name(self, number: int) -> str | None:
        """Return the name of a network by its number in FLOW, None without a prefix file."""
        if self.enrichment is None or self.enrichment.settings.file is None:
            return None
        return self.enrichment.names[number]

    def locate(self, flows: Any) -> None:
        """Set ``network`` and ``client`` of flows, whose tunnels the prefix file may ask for; zeros without one."""
        if self.enrichment is not None:
            self.enrichment.locate(flows)

    def mark(self, flows: Any) -> None:
        """Set networks, countries and AS of FLOW[n]: before calls are made of them."""
        if self.enrichment is not None:
            self.enrichment.mark(flows)

    def hide(self, flows: Any) -> None:
        """Change the addresses and identifiers of FLOW[n]: after calls were made of them, before they are written."""
        if self._anonymizer is not None and len(flows):
            self._anonymizer.hide(flows)

    def calls(self, calls: Calls) -> Calls:
        """Return calls as they may be written."""
        return calls if self._anonymizer is None else self._anonymizer.hide_calls(calls)
