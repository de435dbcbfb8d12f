"""Prefix files: what they say, and that every mistake is named with its line."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from flowclass.errors import UsageError
from flowclass.networks import prefixfile
from flowclass.networks.prefixfile import Network, read_prefixes

CSV = """# my networks
prefix, operator, access, region, vlan, teid

192.0.2.0/24, Blue, mobile, north, ,
2001:db8::/32, Blue, fibre, , 12,
*, Green, , , , 0x1a2b
"""
TOML = """
[[prefix]]
prefix = "192.0.2.0/24"
operator = "Blue"
access = "mobile"
region = "north"

[[prefix]]
prefix = "2001:db8::/32"
operator = "Blue"
access = "fibre"
vlan = 12

[[prefix]]
operator = "Green"
teid = 0x1a2b
"""


def read(tmp_path: Path, text: str, name: str = "p.csv") -> list[prefixfile.PrefixRow]:
    path = tmp_path / name
    path.write_text(text)
    return read_prefixes(str(path))


@pytest.mark.parametrize(("text", "name"), [(CSV, "p.csv"), (TOML, "p.toml"), ("\ufeff" + CSV, "bom.csv")])
def test_both_forms_say_the_same(tmp_path: Path, text: str, name: str) -> None:
    assert [(row.prefix, row.network, row.vlan, row.teid) for row in read(tmp_path, text, name)] == [
        (ipaddress.ip_network("192.0.2.0/24"), Network("Blue/mobile/north", "Blue", "mobile", "north"), None, None),
        (ipaddress.ip_network("2001:db8::/32"), Network("Blue/fibre", "Blue", "fibre"), 12, None),
        (None, Network("Green", "Green"), None, 0x1A2B),
    ]


def test_network_column__names_the_network(tmp_path: Path) -> None:
    row = read(tmp_path, "prefix,network,operator\n192.0.2.0/24,blue-north,Blue\n")[0]
    assert row.network == Network("blue-north", "Blue")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("192.0.2.7/24,a,,", ":2: '192.0.2.7/24' is no prefix: bits are set behind its length; 192.0.2.0/24 is one"),
        ("192.0.2.0/33,a,,", ":2: '192.0.2.0/33' is no prefix"),
        ("nonsense,a,,", ":2: 'nonsense' is no prefix"),
        (",a,,", ":2: no prefix, VLAN or TEID"),
        ("192.0.2.0/24,,,", ":2: neither a network nor an operator"),
        ("192.0.2.0/24,a,4095,", ":2: vlan 4095 is outside 0 to 4094"),
        ("192.0.2.0/24,a,x,", ":2: vlan 'x' is no whole number"),
        ("192.0.2.0/24,a,,-1", ":2: teid -1 is outside"),
        ("192.0.2.0/24,a;b,,", ":2: network 'a;b' must be"),
        (f"192.0.2.0/24,{'a' * 49},,", ":2: network 'aaaa"),
        ("192.0.2.0/24,a", ":2: 2 columns, where the header has 4"),
        ("192.0.2.0/24,a,,\n192.0.2.0/24,b,,", ":3: 192.0.2.0/24 stands in line 2 already"),
        ('192.0.2.0/24,"a,,\n', ":2: unexpected end of data"),
    ],
)
def test_bad_row__is_named_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"prefix,operator,vlan,teid\n{row}\n")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("prefix,operatr\n", "p.csv", ":1: unknown column 'operatr'"),
        ("prefix,vlan\n", "p.csv", ":1: neither a column network nor a column operator"),
        ("prefix,network,network\n", "p.csv", ":1: a column stands there twice"),
        ("# nothing\n", "p.csv", "no prefix in it"),
        ("prefix,network,region\n::/0,a,x\n::/1,a,y\n", "p.csv", ":3: network 'a' had another operator"),
        ("[[prefix]\n", "p.toml", "not TOML"),
        ("x = 1\n", "p.toml", "expected nothing but [[prefix]] tables"),
        ("prefix = [1]\n", "p.toml", "expected nothing but [[prefix]] tables"),
        ('[[prefix]]\nprefix="::/0"\nnetwork=true\n', "p.toml", ":1: network must be text or a whole number"),
        ('[[prefix]]\nprefix="::/0"\nnetwork="a"\n\n[[prefix]]\nprefix="::/1"\nnetwork="a"\nvlan=9999\n',
         "p.toml", ":5: vlan 9999 is outside"),
    ],
)  # fmt: skip
def test_bad_file__is_named(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, name)
    assert message in str(caught.value)


def test_missing_file__is_named() -> None:
    with pytest.raises(UsageError, match="cannot read the prefix file /nowhere"):
        read_prefixes("/nowhere")


def test_bytes_that_are_no_text__are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b"prefix,network\n192.0.2.0/24,\xff\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_prefixes(str(path))


def test_too_many_rows__are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixfile, "MAX_ROWS", 2)
    with pytest.raises(UsageError, match=":4: more than 2 rows"):
        read(tmp_path, "prefix,network\n10.0.0.0/8,a\n11.0.0.0/8,a\n12.0.0.0/8,a\n")
