"""Host module: the feature table, all that training needs and nothing that names a person.

One row is one flow record under one view. The table is shipped beside the model, so that anybody can train the same
bundle again without the captures: no address, port or time is in it, and groups are named by their capture.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowclass.errors import ModelError, UsageError
from flowclass.features.row import FEATURE_COUNT, SCHEMA_ID
from flowclass.model.bundle import pack_arrays
from flowclass.record.field import Field, dtype_of

ROW_FIELDS = (
    Field("bytes", "u8", "IP bytes of the record, both directions", "byte"),
    Field("packets", "u4", "its packets"),
    Field("features_row", "i4", "row of the features, -1 when the flow had too few packets for the model"),
    Field("flow", "u4", "number of the labelled flow; its views and pieces share it"),
    Field("label", "u2", "place in labels"),
    Field("group", "u2", "place in groups"),
    Field("weight", "f4", "trust in the label, 0 to 1"),
    Field("view", "u1", "place in views"),
    Field("app", "u1", "App by evidence, UNKNOWN when evidence did not decide"),
    Field("kind", "u1", "Kind by evidence"),
    Field("strength", "u1", "Strength of the evidence"),
    Field("also", "u1", "look-alike by evidence"),
    Field("linked_app", "u1", "App by another flow of its socket or host, UNKNOWN for none"),
    Field("linked_also", "u1", "the look-alike of that"),
    Field("link", "u1", "a Link: what the two flows share"),
    Field("has_stream", "u1", "1 when a media stream was confirmed"),
    Field("answered", "u1", "1 when packets went both ways"),
    Field("decided_at", "u4", "packet of the flow at which evidence decided, 0 when it did not"),
    Field("disputed", "u1", "1 when the flow's own packets contradict its label (training.disputed)"),
)
ROW = dtype_of(ROW_FIELDS)
#: Mantissa bits of a float32 that are kept: three digits are more than any feature is measured to.
KEPT_BITS = 10
#: Refused above this: a table of ours is a hundredth of it.
LARGEST_BYTES = 1 << 30


def rounded(features: np.ndarray) -> np.ndarray:
    """Return float32 values with KEPT_BITS of mantissa, rounded to nearest: training sees no more than this."""
    drop = 23 - KEPT_BITS
    bits = np.ascontiguousarray(features, np.float32).view(np.uint32)
    half = np.uint32(1 << (drop - 1))
    mask = np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)
    return ((bits + half) & mask).view(np.float32)


@dataclass(frozen=True)
class Table:
    """Rows, their features and the vocabularies they point into.

    Attributes
    ----------
    rows : ROW[n]
    features : float32[m, FEATURE_COUNT], rounded
    labels : ``app:kind`` texts
    groups : names of capture groups: what is trained on and scored on never share one
    views : names of views
    corpus : sha256 of the corpus it was made from
    years : the year each group was recorded in (the latest of its captures), 0 for unknown; empty for all unknown
    """

    rows: np.ndarray
    features: np.ndarray
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    views: tuple[str, ...]
    corpus: str
    years: tuple[int, ...] = ()

    def year_of_row(self) -> np.ndarray:
        """Return int64[rows], the year each row was recorded in, 0 for unknown."""
        years = np.array(self.years or (0,) * len(self.groups), np.int64)
        return np.asarray(years[self.rows["group"]]) if len(self.rows) else np.zeros(0, np.int64)

    def pack(self) -> bytes:
        """Return the bytes of the table file; they depend on the content only."""
        arrays = {f"row_{field.name}": np.ascontiguousarray(self.rows[field.name]) for field in ROW_FIELDS}
        # The upper and lower halves of each column apart: equal bytes lie together and compress three times better.
        words = np.ascontiguousarray(self.features.T, np.float32).view(np.uint16).reshape(FEATURE_COUNT, -1, 2)
        arrays["features_low"] = np.ascontiguousarray(words[:, :, 0])
        arrays["features_high"] = np.ascontiguousarray(words[:, :, 1])
        for name, texts in (("labels", self.labels), ("groups", self.groups), ("views", self.views)):
            arrays[name] = np.frombuffer("\n".join(texts).encode(), np.uint8)
        arrays["corpus"] = np.frombuffer(self.corpus.encode(), np.uint8)
        arrays["schema"] = np.frombuffer(SCHEMA_ID.encode(), np.uint8)
        arrays["years"] = np.array(self.years or (0,) * len(self.groups), np.int16)
        return pack_arrays(arrays, zipfile.ZIP_LZMA)

    def digest(self) -> str:
        """Return the sha256 of the content, whatever library compressed it."""
        digest = hashlib.sha256()
        for field in ROW_FIELDS:
            digest.update(np.ascontiguousarray(self.rows[field.name]).tobytes())
        digest.update(np.ascontiguousarray(self.features).tobytes())
        digest.update("\n".join((*self.labels, *self.groups, *self.views)).encode())
        digest.update(np.array(self.years or (0,) * len(self.groups), np.int16).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the table file."""
        path.write_bytes(self.pack())

    @classmethod
    def load(cls, path: Path) -> Table:
        """Read a table file.

        Raises
        ------
        UsageError
            When the file cannot be read.
        ModelError
            When it is damaged or was made for another feature schema.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > LARGEST_BYTES:
                    raise ModelError(f"{path}: unpacks to more than {LARGEST_BYTES} bytes")
            with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            table = cls._unpack(path, arrays)
        except (ModelError, UsageError):
            raise
        except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
            raise ModelError(f"{path}: damaged: {type(error).__name__}: {error}") from None
        return table

    @classmethod
    def _unpack(cls, path: Path, arrays: dict[str, np.ndarray]) -> Table:
        def text(name: str) -> str:
            return arrays[name].tobytes().decode()

        if text("schema") != SCHEMA_ID:
            raise ModelError(f"{path}: made for another feature schema; make it anew from the corpus")
        rows = np.zeros(len(arrays["row_label"]), ROW)
        for field in ROW_FIELDS:
            rows[field.name] = arrays[f"row_{field.name}"]
        words = np.stack([arrays["features_low"], arrays["features_high"]], axis=2)
        features = np.ascontiguousarray(words.view(np.float32)[:, :, 0].T)
        vocabulary = [tuple(text(name).split("\n")) for name in ("labels", "groups", "views")]
        years = tuple(arrays["years"].tolist())
        table = cls(rows, features, vocabulary[0], vocabulary[1], vocabulary[2], text("corpus"), years)
        table.check()
        return table

    def check(self) -> None:
        """Raise ValueError when a row points outside the features or a vocabulary."""
        rows = self.rows
        if len(self.years) not in (0, len(self.groups)):
            raise ValueError(f"{len(self.years)} years for {len(self.groups)} groups")
        for name, size in (("label", self.labels), ("group", self.groups), ("view", self.views)):
            if len(rows) and int(rows[name].max()) >= len(size):
                raise ValueError(f"a row names {name} {int(rows[name].max())} of {len(size)}")
        if len(rows) and not -1 <= int(rows["features_row"].min()) <= int(rows["features_row"].max()) < len(
            self.features
        ):
            raise ValueError("a row points outside the features")
        if not np.all(np.isfinite(self.features)):
            raise ValueError("a feature is not finite")


def joined(first: Table, second: Table) -> Table:
    """Return one table of the rows of two: a group, label or view of the same name is the same."""

    def places(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
        names = list(dict.fromkeys((*ours, *theirs)))
        return tuple(names), np.array([names.index(name) for name in theirs], np.int64)

    labels, label_at = places(first.labels, second.labels)
    groups, group_at = places(first.groups, second.groups)
    views, view_at = places(first.views, second.views)
    rows = second.rows.copy()
    if len(rows):
        rows["label"], rows["group"] = label_at[rows["label"]], group_at[rows["group"]]
        rows["view"] = view_at[rows["view"]]
        rows["flow"] += first.rows["flow"].max() + 1 if len(first.rows) else 0
        rows["features_row"][rows["features_row"] >= 0] += len(first.features)
    years = dict(zip(second.groups, second.years or (0,) * len(second.groups), strict=True))
    years |= dict(zip(first.groups, first.years or (0,) * len(first.groups), strict=True))
    corpus = hashlib.sha256(f"{first.corpus}\n{second.corpus}".encode()).hexdigest()
    return Table(
        np.concatenate([first.rows, rows]),
        np.concatenate([first.features, second.features]),
        labels,
        groups,
        views,
        corpus,
        tuple(years[name] for name in groups),
    )
