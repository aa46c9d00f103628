"""The order of Debian versions."""

from __future__ import annotations

import itertools
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grocker.debian import version

upstream = st.text("0123456789abzAZ.+~", min_size=1, max_size=8).map(lambda text: "0" + text)
versions = st.builds(
    lambda epoch, up, revision: f"{epoch}{up}{revision}",
    st.sampled_from(["", "0:", "1:", "12:"]),
    upstream,
    st.sampled_from(["", "-0", "-1", "-1~bpo12+1", "-1+b2", "-10"]),
)

ORDERED = [
    "1.0~~",
    "1.0~~a",
    "1.0~",
    "1.0",
    "1.0-1~deb13u1",
    "1.0-1",
    "1.0-1+b1",
    "1.0-1+deb13u1",
    "1.0-2",
    "1.0-10",
    "1.0a",
    "1.0+dfsg-1",
    "1.0.1",
    "1.2",
    "1.10",
    "1:0.1",
]


@pytest.mark.parametrize(("older", "newer"), list(itertools.pairwise(ORDERED)))
def test_version_is_older_when_policy_says_so(older: str, newer: str) -> None:
    assert version.compare(older, newer) == -1
    assert version.compare(newer, older) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("1.0", "1.0-0"), ("0:1.0", "1.0"), ("1.00", "1.0"), ("1.", "1.0"), ("1.0a", "1.0a0")]
)
def test_versions_are_equal_when_they_are_written_otherwise(one: str, other: str) -> None:
    assert version.compare(one, other) == 0
    assert version.key(one) == version.key(other)


@given(versions, versions, versions)
def test_order_is_total_when_versions_are_any(a: str, b: str, c: str) -> None:
    assert version.compare(a, b) == -version.compare(b, a)
    assert version.compare(a, a) == 0
    if version.compare(a, b) <= 0 and version.compare(b, c) <= 0:
        assert version.compare(a, c) <= 0


@pytest.mark.parametrize(
    ("have", "operator", "wanted", "answer"),
    [
        ("2.0", ">=", "2.0", True),
        ("2.0", ">>", "2.0", False),
        ("2.0~rc1", "<<", "2.0", True),
        ("2.0-1", "=", "2.0", False),
        ("2.0", "<=", "2.1", True),
    ],
)
def test_version_satisfies_a_relation_when_it_stands_in_it(have: str, operator: str, wanted: str, answer: bool) -> None:
    assert version.satisfies(have, operator, wanted) is answer


@pytest.mark.parametrize("text", ["", "1 0", "1/0", "a:1", "1.0-", "ä"])
def test_version_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a Debian version"):
        version.key(text)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not installed")
@settings(max_examples=60, deadline=None)
@given(versions, versions)
def test_order_is_dpkgs_when_dpkg_is_asked(a: str, b: str) -> None:
    order = version.compare(a, b)
    operator = {-1: "lt", 0: "eq", 1: "gt"}[order]
    done = subprocess.run(["dpkg", "--compare-versions", a, operator, b], capture_output=True, check=False)
    assert done.returncode == 0, (a, operator, b, done.stderr)
