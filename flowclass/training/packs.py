"""Host module: Pack, a dated model: from one table, which years weigh and what look-alikes are called."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flowclass.record.verdict import App
from flowclass.training.classes import Classes
from flowclass.training.table import Table

#: What a flow of other years counts beside one of the pack's own: clients change, but captures are few.
OTHER_YEARS_WEIGHT = 0.4


#: No capture is younger: a pack without an end.
LAST_YEAR = 2099


@dataclass(frozen=True)
class Pack:
    """A dated model.

    Attributes
    ----------
    name : of its folder
    doc : a sentence for its card
    since, until : its years, both inclusive; groups of unknown year belong to every pack
    prefer : the look-alike to say in an application's place where both remain possible
    """

    name: str
    doc: str
    since: int
    until: int
    prefer: tuple[tuple[App, App], ...] = ()

    def of_its_years(self, table: Table) -> np.ndarray:
        """Return bool[rows]: recorded in the pack's years, or nobody knows when."""
        year = table.year_of_row()
        return np.asarray((year == 0) | ((year >= self.since) & (year <= self.until)))

    def weighed(self, table: Table) -> Table:
        """Return the table with the weight of other years' rows lowered."""
        rows = table.rows.copy()
        rows["weight"][~self.of_its_years(table)] *= OTHER_YEARS_WEIGHT
        return replace(table, rows=rows)

    def prefer_array(self) -> np.ndarray:
        """Return uint8[apps] for ``model.decision.Rules.prefer``."""
        array = np.zeros(len(App), np.uint8)
        for app, said in self.prefer:
            array[app] = said
        return array

    def named(self, classes: Classes) -> Classes:
        """Return the classes, each under the look-alike that the pack prefers."""
        said = dict(self.prefer)
        labels = tuple(
            replace(label, app=label.also, also=label.app) if said.get(label.app) == label.also else label
            for label in classes.labels
        )
        return Classes(labels, classes.of_row)


PRESENT = Pack("voip-2026", "for links of today: what look-alikes share is called Teams, and WhatsApp", 2020, LAST_YEAR)
ARCHIVE = Pack(
    "voip-2010s",
    "for captures of 2010 to 2019: what Skype and Teams share is called Skype, as it was then",
    2008,
    2019,
    ((App.TEAMS, App.SKYPE),),
)
#: A model without a date: every year weighs the same, as for one trained on captures of one's own.
UNDATED = Pack("", "", 0, 9999)
PACKS = (PRESENT, ARCHIVE)


def pack_named(name: str) -> Pack:
    """Return the pack of a folder's name, UNDATED for any other name."""
    return next((pack for pack in PACKS if pack.name == name), UNDATED)
