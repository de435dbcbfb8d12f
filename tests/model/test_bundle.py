"""Bundles on disk: what is written is read back; what is damaged, hostile or foreign is refused in words."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowclass.errors import ModelError
from flowclass.features.row import FEATURE_COUNT, FEATURES
from flowclass.model.bundle import ARRAY_TYPES, ARRAYS, CARD, ModelBundle, load_default, pack_arrays
from flowclass.model.choice import MANIFEST, VARIABLE
from flowclass.model.forest import predict
from tests.model.bundles import made_up_rows, small_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a saved bundle."""
    small_bundle().save(tmp_path / "small", "card")
    return tmp_path / "small"


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a bundle."""
    with np.load(folder / ARRAYS) as archive:
        return {name: archive[name] for name in ARRAY_TYPES}


def rewrite(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Put other arrays into a bundle, with a hash that fits."""
    raw = pack_arrays(arrays)
    (folder / ARRAYS).write_bytes(raw)
    change_manifest(folder, sha256=hashlib.sha256(raw).hexdigest())


def change_manifest(folder: Path, **changes: Any) -> None:
    """Change entries of model.json."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_bundle__is_read_back_as_written(folder: Path) -> None:
    bundle, again = small_bundle(), ModelBundle.load(folder)
    assert again.labels == bundle.labels
    assert again.manifest["corpus"] == "made up"
    for mine, theirs in ((bundle.forest, again.forest), (bundle.rules, again.rules)):
        for left, right in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(left, right)
    assert (folder / CARD).read_text() == "card"


def test_bundle__same_arrays_give_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_bundle().save(tmp_path / name, "card")
    assert (tmp_path / "a" / ARRAYS).read_bytes() == (tmp_path / "b" / ARRAYS).read_bytes()
    assert (tmp_path / "a" / MANIFEST).read_bytes() == (tmp_path / "b" / MANIFEST).read_bytes()


def test_bundle__of_another_schema_names_the_difference(folder: Path) -> None:
    features = [[one.name, one.unit, one.doc] for one in FEATURES]
    features[0][0], features[1][2] = "size_of_a_unicorn", "something else"
    change_manifest(folder, schema_id="0" * 64, features=features)
    with pytest.raises(ModelError, match="size_of_a_unicorn") as caught:
        ModelBundle.load(folder)
    assert f"only in this version: {FEATURES[0].name}" in str(caught.value)
    assert f"with another meaning: {FEATURES[1].name}" in str(caught.value)


def test_bundle__whose_arrays_were_exchanged_is_refused(folder: Path) -> None:
    (folder / ARRAYS).write_bytes(pack_arrays(arrays_of(folder) | {"share": np.ones(4, np.float32)}))
    with pytest.raises(ModelError, match="sha256"):
        ModelBundle.load(folder)


def _with(name: str, place: int, value: float) -> Any:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name].flat[place] = value

    return change


def _shape(name: str, array: np.ndarray) -> Any:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = array

    return change


def _cut(name: str) -> Any:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name][:-1]

    return change


HOSTILE = {
    "child far outside": _with("left", 0, 2**32 - 1),
    "child at the very end": _with("left", 0, 10**6),
    "child before its parent": _with("left", 2, 1),
    "leaf with a threshold": _with("threshold", -1, 0.0),
    "leaf with a threshold that is not a number": _with("threshold", -1, np.nan),
    "inner threshold not a number": _with("threshold", 0, np.nan),
    "feature outside": _with("feature", 0, FEATURE_COUNT),
    "root outside": _with("roots", 0, 10**9),
    "root negative": _with("roots", 0, -1),
    "depth endless": _with("depths", 0, 2**62),
    "depth negative": _with("depths", 0, -1),
    "share of a class above one": _with("values", 0, 2.0),
    "share of a class not a number": _with("values", 0, np.nan),
    "calibration out of range": _with("calibration", 0, 7.0),
    "evidence not a number": _with("evidence", 0, np.nan),
    "fewer depths than roots": _cut("depths"),
    "fewer values than nodes": _cut("values"),
    "fewer features than nodes": _cut("feature"),
    "gate for fewer classes": _cut("gate"),
    "evidence for fewer strengths": _cut("evidence"),
    "no trees": lambda arrays: arrays.update(roots=np.zeros(0, np.int64), depths=np.zeros(0, np.int64)),
    "another type": _shape("roots", np.zeros(7, np.float64)),
    "another shape": _shape("values", np.zeros(4, np.float32)),
    "an array of objects": _shape("roots", np.zeros(7, np.int64).astype("U4")),
    "an array missing": lambda arrays: arrays.pop("gate"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bundle__with_hostile_arrays_is_refused(folder: Path, name: str) -> None:
    arrays = arrays_of(folder)
    HOSTILE[name](arrays)
    rewrite(folder, arrays)
    with pytest.raises(ModelError):
        ModelBundle.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["whatsapp"]},
        {"classes": ["unicorn:call-media"] * 4},
        {"classes": 3},
        {"format": 99},
        {"sha256": None},
    ],
)
def test_bundle__with_a_foreign_manifest_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    change_manifest(folder, **changes)
    with pytest.raises(ModelError):
        ModelBundle.load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_bundle__whose_manifest_is_no_json_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(ModelError):
        ModelBundle.load(folder)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bundle__damaged_anywhere_is_refused_or_still_safe(folder: Path, data: st.DataObject) -> None:
    """Bytes are changed *and* the hash made to fit: what is let in must still keep the kernel inside its arrays."""
    raw = bytearray(small_bundle().pack())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (folder / ARRAYS).write_bytes(raw)
    change_manifest(folder, sha256=hashlib.sha256(raw).hexdigest())
    try:
        bundle = ModelBundle.load(folder)
    except ModelError:
        return
    features = made_up_rows(16)[0]
    out = np.zeros((16, 4), np.float32)
    predict(bundle.forest, features, out)
    assert np.all(np.isfinite(out))


def test_default__missing_bundle_names_where_it_looked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="nowhere"):
        load_default()


def test_default__is_the_bundle_the_variable_names(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))
    assert load_default().name == "small"
