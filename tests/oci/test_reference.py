from __future__ import annotations

import pytest

from grocker.errors import UsageError
from grocker.oci.reference import Reference, of_release, parse, with_tag

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("polls", Reference(None, "polls")),
        ("polls:1.0", Reference(None, "polls", "1.0")),
        ("team/polls", Reference(None, "team/polls")),
        ("localhost/polls", Reference("localhost", "polls")),
        ("localhost:5000/polls:1", Reference("localhost:5000", "polls", "1")),
        ("registry.example.invalid/a/b/c_d__e.f-g:V1", Reference("registry.example.invalid", "a/b/c_d__e.f-g", "V1")),
        ("docker.io/polls", Reference("docker.io", "polls")),
        ("index.docker.io/polls", Reference("docker.io", "polls")),
        ("127.0.0.1:5000/polls", Reference("127.0.0.1:5000", "polls")),
        ("[::1]:5000/polls", Reference("[::1]:5000", "polls")),
        ("HOST/polls", Reference("HOST", "polls")),
        (f"polls@{DIGEST}", Reference(None, "polls", None, DIGEST)),  # type: ignore[arg-type]
        (f"h.invalid/polls:1@{DIGEST}", Reference("h.invalid", "polls", "1", DIGEST)),  # type: ignore[arg-type]
    ],
)
def test_parse_takes_a_name_apart_when_it_is_one(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "Polls",
        "polls:",
        "polls:1 0",
        "polls:" + "1" * 129,
        "polls@sha256:abc",
        "polls@",
        "-polls",
        "po..lls",
        "a//b",
        "/polls",
        "polls/",
        "host.invalid/",
        "bad_host.invalid/polls",
        "user:password@host.invalid/polls",
        "https://host.invalid/polls",
        "../polls",
        "polls\n",
        "h.invalid/" + "a/" * 130 + "a",
    ],
)
def test_parse_refuses_a_name_when_it_is_none(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "docker", "podman", "full", "path"),
    [
        ("polls", "polls:latest", "localhost/polls:latest", "docker.io/library/polls:latest", "library/polls"),
        ("me/polls:1", "me/polls:1", "localhost/me/polls:1", "docker.io/me/polls:1", "me/polls"),
        ("docker.io/polls:1", "polls:1", "docker.io/library/polls:1", "docker.io/library/polls:1", "library/polls"),
        ("localhost/polls:1", "localhost/polls:1", "localhost/polls:1", "localhost/polls:1", "polls"),
        ("h.invalid/p:1", "h.invalid/p:1", "h.invalid/p:1", "h.invalid/p:1", "p"),
    ],
)
def test_reference_is_named_as_each_engine_does(text: str, docker: str, podman: str, full: str, path: str) -> None:
    reference = parse(text)
    assert (reference.docker, reference.podman, reference.full, reference.path) == (docker, podman, full, path)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("polls", "1.0", "polls:1.0"),
        ("My_App.Web", "2!1.0+local.1", "my-app-web:2-1.0-local.1"),
    ],
)
def test_of_release_gives_a_valid_name_when_the_release_has_other_characters(
    name: str, version: str, expected: str
) -> None:
    assert str(of_release(name, version)) == expected


def test_with_tag_completes_a_name_when_it_has_no_tag() -> None:
    assert str(with_tag(parse("h.invalid/polls"))) == "h.invalid/polls:latest"
    assert str(with_tag(parse("polls:1"))) == "polls:1"


def test_with_tag_refuses_a_name_when_it_has_a_digest() -> None:
    with pytest.raises(UsageError, match="the name has a digest"):
        with_tag(parse(f"polls@{DIGEST}"))
