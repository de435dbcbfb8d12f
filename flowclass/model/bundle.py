"""Host module: ModelBundle, a model on disk: plain arrays, JSON and hashes; no pickle anywhere.

A bundle is a folder with ``model.npz`` (the arrays of Forest and Rules), ``model.json`` (classes, feature schema,
where it comes from, sha256 of the arrays) and ``MODEL_CARD.md`` for people. Loading believes nothing: a bundle may
come from a stranger, and the kernel that walks its trees checks no index.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.errors import ModelError
from flowclass.features.row import FEATURES, SCHEMA_ID
from flowclass.model.check import check_forest, check_norms, check_rules
from flowclass.model.choice import MANIFEST, default_folder, find_bundle
from flowclass.model.decision import Rules
from flowclass.model.forest import NODE, Forest, leaves_of
from flowclass.model.labels import Label, parse_label
from flowclass.model.norms import Norms

FORMAT = 2
ARRAYS, CARD = "model.npz", "MODEL_CARD.md"
#: Arrays of a bundle: name, type, dimensions.
ARRAY_TYPES = {
    "threshold": ("<f4", 1),
    "left": ("<u4", 1),
    "feature": ("<u4", 1),
    "roots": ("<i8", 1),
    "depths": ("<i8", 1),
    "values": ("<f4", 2),
    "gate": ("<f4", 1),
    "share": ("<f4", 1),
    "calibration": ("<f4", 2),
    "evidence": ("<f4", 1),
    "possible": ("<f4", 1),
    "prefer": ("|u1", 1),
    "low": ("<f4", 2),
    "high": ("<f4", 2),
    "edges": ("<f4", 2),
    "shares": ("<f4", 2),
}
#: Arrays of Rules that training has tuned, in its order.
TUNED = ("gate", "share", "calibration", "evidence", "possible", "prefer")
#: More than any sensible model: refused before memory is spent on it.
LARGEST_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class ModelBundle:
    """A model and where it comes from.

    Attributes
    ----------
    name : of the bundle
    labels : its classes, in the order of the arrays
    forest, rules, norms : arrays for the kernels
    manifest : further entries of ``model.json``: training, versions, scores
    """

    name: str
    labels: tuple[Label, ...]
    forest: Forest
    rules: Rules
    norms: Norms
    manifest: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | str) -> ModelBundle:
        """Read a bundle: a folder, or the name of a shipped one.

        Raises
        ------
        ModelError
            When a file is missing or damaged, when the hash differs, or when the bundle was trained for another list
            of features: the message spells out the difference.
        """
        folder = find_bundle(folder)
        manifest = _read_manifest(folder)
        _check_schema(folder, manifest)
        raw = _read(folder / ARRAYS)
        digest = hashlib.sha256(raw).hexdigest()
        if manifest.get("sha256") != digest:
            raise ModelError(f"{folder / ARRAYS}: its sha256 is {digest}, {MANIFEST} says {manifest.get('sha256')}")
        arrays = _unpack(folder / ARRAYS, raw)
        classes = manifest.get("classes")
        if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
            raise ModelError(f"{folder / MANIFEST}: 'classes' must be a list of app:kind")
        labels = tuple(parse_label(one) for one in classes)
        nodes = np.zeros(len(arrays["threshold"]), NODE)
        if not len(nodes) == len(arrays["left"]) == len(arrays["feature"]):
            raise ModelError(f"{folder / ARRAYS}: threshold, left and feature differ in length")
        for name in ("threshold", "left", "feature"):
            nodes[name] = arrays[name]
        forest = Forest(nodes, arrays["roots"], arrays["depths"], arrays["values"], leaves_of(arrays["values"]))
        rules = make_rules(labels, **{name: arrays[name] for name in TUNED})
        norms = Norms(*(arrays[name] for name in Norms._fields))
        try:
            check_forest(forest, len(labels), len(FEATURES))
            check_rules(rules, len(labels))
            check_norms(norms, len(labels), len(FEATURES))
        except ValueError as error:
            raise ModelError(f"{folder / ARRAYS}: {error}") from None
        return cls(str(manifest.get("name", folder.name)), labels, forest, rules, norms, manifest)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Name, SHA-256 of the arrays (empty before it was saved) and identity of the feature schema."""
        return self.name, str(self.manifest.get("sha256", "")), SCHEMA_ID

    @property
    def trained_s(self) -> float | None:
        """When it was trained, in seconds since 1970; None for a bundle that does not say."""
        try:
            day = datetime.fromisoformat(str(self.manifest.get("trained")))
        except ValueError:
            return None
        return day.replace(tzinfo=UTC).timestamp()

    def save(self, folder: Path, card: str) -> None:
        """Write the bundle; the same bundle gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = self.pack()
        manifest = {
            **self.manifest,
            "format": FORMAT,
            "name": self.name,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "classes": [str(label) for label in self.labels],
            "schema_id": SCHEMA_ID,
            "features": [[feature.name, feature.unit, feature.doc] for feature in FEATURES],
        }
        (folder / ARRAYS).write_bytes(raw)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        (folder / CARD).write_text(card)

    def pack(self) -> bytes:
        """Return the bytes of ``model.npz``; they depend on the arrays only."""
        nodes, rules = self.forest.nodes, self.rules
        arrays = {name: nodes[name] for name in ("threshold", "left", "feature")}
        arrays |= {name: getattr(self.forest, name) for name in ("roots", "depths", "values")}
        arrays |= {name: getattr(rules, name) for name in TUNED} | self.norms._asdict()
        return pack_arrays({name: np.ascontiguousarray(arrays[name], kind) for name, (kind, _) in ARRAY_TYPES.items()})


def pack_arrays(arrays: dict[str, np.ndarray], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a compressed ``.npz`` without clock or machine in it; ``method`` is one of zipfile's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3
            archive.writestr(entry, content.getvalue(), method, 9)
    return buffer.getvalue()


def make_rules(labels: tuple[Label, ...], **tuned: np.ndarray) -> Rules:
    """Return Rules for these classes; ``tuned`` are the arrays of TUNED."""
    app, kind, also = (np.array([getattr(one, what) for one in labels], np.uint8) for what in ("app", "kind", "also"))
    return Rules(app, kind, also, *(tuned[name] for name in TUNED))


def load_default() -> ModelBundle:
    """Return the bundle used when none is named (``model.choice``)."""
    return ModelBundle.load(default_folder())


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise ModelError(f"{path}: larger than {LARGEST_FILE_BYTES} bytes, no model of ours is")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError(f"{path}: not a model manifest of format {FORMAT}")
    return manifest


def _check_schema(folder: Path, manifest: dict[str, Any]) -> None:
    """Refuse a bundle made for another list of features, naming the features that differ."""
    if manifest.get("schema_id") == SCHEMA_ID:
        return
    theirs = manifest.get("features")
    listed = [tuple(one) for one in theirs if isinstance(one, list)] if isinstance(theirs, list) else []
    named = {str(one[0]): one for one in listed if one}
    ours = {feature.name: (feature.name, feature.unit, feature.doc) for feature in FEATURES}
    missing = [name for name in named if name not in ours]
    extra = [name for name in ours if name not in named]
    changed = [name for name in ours if name in named and named[name] != ours[name]]
    parts = [
        f"{what}: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
        for what, names in (
            ("only in the bundle", missing),
            ("only in this version", extra),
            ("with another meaning", changed),
        )
        if names
    ]
    difference = "; ".join(parts) or "the same features in another order"
    raise ModelError(f"{folder}: trained for another feature schema ({difference}); train it anew with this version")


def _unpack(path: Path, raw: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE_BYTES:
                raise ModelError(f"{path}: unpacks to more than {LARGEST_FILE_BYTES} bytes")
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {name: np.ascontiguousarray(archive[name]) for name in ARRAY_TYPES}
    except ModelError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
        raise ModelError(f"{path}: damaged: {type(error).__name__}: {error}") from None
    for name, (kind, dimensions) in ARRAY_TYPES.items():
        if arrays[name].dtype != np.dtype(kind) or arrays[name].ndim != dimensions:
            found = f"{arrays[name].dtype} of {arrays[name].ndim} dimensions"
            raise ModelError(f"{path}: {name} must be {kind} of {dimensions} dimensions, found {found}")
    return arrays
