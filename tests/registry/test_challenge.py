from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.registry.challenge import Challenge, merge_scopes, parse


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        (
            'Bearer realm="https://auth.example.invalid/token",service="r.example.invalid",scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example.invalid/token",
                        "service": "r.example.invalid",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ("bEARER  REALM = x , Service=y", [("bearer", {"realm": "x", "service": "y"})]),
        (
            'Negotiate dG9rZW4=, Basic realm="a, b=\\"c\\"", Bearer realm="https://x/y?z=1"',
            [("negotiate", {}), ("basic", {"realm": 'a, b="c"'}), ("bearer", {"realm": "https://x/y?z=1"})],
        ),
        ("Bearer realm=https://x.example.invalid/token", [("bearer", {"realm": "https://x.example.invalid/token"})]),
        ('Bearer realm="never closed', [("bearer", {})]),
        ('realm="nobody"', []),
        ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
    ],
)
def test_parse_finds_the_challenges(header: str, found: list[tuple[str, dict[str, str]]]) -> None:
    parsed = parse(header)
    assert [one.scheme for one in parsed if one.scheme in ("basic", "bearer", "negotiate")] == [s for s, _ in found]
    for scheme, parameters in found:
        assert Challenge(scheme, parameters) in parsed


@given(st.text())
def test_parse_raises_nothing_whatever_the_header(header: str) -> None:
    parse(header)


def test_parse_ends_soon_when_the_header_is_hostile() -> None:
    parse('Bearer realm="' + "\\" * 1_000_000)
    parse("a=" * 1_000_000)


@pytest.mark.parametrize(
    ("scopes", "result"),
    [
        ([], ()),
        (["repository:a:pull", "repository:a:push,pull"], ("repository:a:pull,push",)),
        (["repository:b:pull", "repository:a:pull"], ("repository:a:pull", "repository:b:pull")),
        (["registry:catalog:*", "nonsense", "", "repository:host:5000/a:pull"],
         ("registry:catalog:*", "repository:host:5000/a:pull")),
    ],
)  # fmt: skip
def test_merged_names_each_resource_once(scopes: list[str], result: tuple[str, ...]) -> None:
    assert merge_scopes(scopes) == result
