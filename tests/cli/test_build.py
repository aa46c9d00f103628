"""What ``grocker build`` says and how it reads its options."""

from __future__ import annotations

from typing import Any

import pytest

from grocker.builder.result import Built, BuiltImage
from grocker.cli.build_result import summary
from grocker.cli.rendering import format_size
from grocker.cli.request import epoch, parse_labels
from grocker.cli.terminal import Style
from grocker.errors import GrockerError
from grocker.images import Delivered
from grocker.oci import reference
from tests.support.image import two_images


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (38_400_106, "38.4 MB"),
        (999_999_999, "1000 MB"),
        (2e9, "2.00 GB"),
    ],
)
def test_size_has_three_digits(number: int, text: str) -> None:
    assert format_size(number) == text


@pytest.mark.parametrize(("given", "seconds"), [({}, 315532800), ({"SOURCE_DATE_EPOCH": "1700000000"}, 1700000000)])
def test_epoch_is_the_constant_when_the_environment_names_none(given: dict[str, str], seconds: int) -> None:
    assert epoch(given) == seconds


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "٣", "99999999999999"])
def test_epoch_is_refused_when_it_is_no_time(text: str) -> None:
    with pytest.raises(GrockerError) as caught:
        epoch({"SOURCE_DATE_EPOCH": text})
    assert caught.value.status == 78


def test_labels_are_split_at_the_first_equals_sign() -> None:
    assert parse_labels(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


@pytest.mark.parametrize("text", ["a", "=b", "org.grocker.contract=2"])
def test_labels_are_refused_when_they_are_none_or_ours(text: str) -> None:
    with pytest.raises(GrockerError) as caught:
        parse_labels([text])
    assert caught.value.status == 64


def last_line(platforms: list[str], *, host: str = "linux/amd64") -> str:
    """Of the summary of a build for docker."""
    images = [image for image in two_images()[0] if str(image.platform) in platforms]
    delivered = Delivered("docker", "polls:1.0", 0, "sent 3 layers", ("polls:1.0",))
    names = (reference.parse("polls:1.0"),)
    built = Built(tuple(BuiltImage(one, (), ()) for one in images), names, ("www",), (), (delivered,), (), web=("www",))
    return summary(built, Style(False), host=host).splitlines()[-1]


def advice(services: tuple[str, ...] = (), *, delivered: bool = True, **more: Any) -> list[str]:
    """The lines of the summary that say what to do next."""
    image = BuiltImage(two_images()[0][0], (), ())
    places = (Delivered("docker", "polls:1.0", 0, "sent 3 layers", ("polls:1.0",)),) if delivered else ()
    names = (reference.parse("polls:1.0"),)
    built = Built((image,), names, services, more.pop("commands", ()), places, (), **more)
    lines = summary(built, Style(False), host="linux/amd64").splitlines()
    return [line for line in lines if line.startswith(("note:", "try:"))]


def test_summary_publishes_the_port_of_services_that_serve_http_alone() -> None:
    assert advice(("worker",)) == ["try: docker run --rm polls:1.0 start worker"]
    assert advice(("beat", "worker")) == ["try: docker run --rm polls:1.0 start beat"]
    served = "try: docker run --rm -p 8080:8080 polls:1.0 start api"
    assert advice(("admin-bot", "api"), web=("api",)) == [served], "the one that can be looked at"


def test_summary_says_that_no_service_was_found() -> None:
    note = "note: no service was found; to declare one, run grocker init, or add [tool.grocker.services.www]"
    assert advice() == [note, "try: docker run --rm -ti polls:1.0"]
    assert advice(delivered=False) == [note], "also where no engine has the image"
    assert "grocker init" not in advice(is_project=False)[0]


def test_summary_names_what_an_image_without_services_runs() -> None:
    assert advice(commands=("poll", "vote")) == ["try: docker run --rm polls:1.0 poll --help"]
    assert advice(has_crontab=True) == ["try: docker run --rm polls:1.0 cron"]


def test_summary_ends_with_a_command_to_try() -> None:
    line = "docker run --rm -p 8080:8080 polls:1.0 start www"
    assert last_line(["linux/amd64"]) == f"try: {line}"
    assert last_line(["linux/amd64", "linux/arm64"]) == f"try: {line}"


def test_summary_says_how_long_the_build_took() -> None:
    images = two_images()[0]
    built = Built(tuple(BuiltImage(one, (), ()) for one in images), (reference.parse("a:1"),), (), (), (), ())
    assert (
        summary(built, Style(False), host="linux/amd64", seconds=2.34).splitlines()[0]
        == f"a:1  {built.digest}  in 2.3 s"
    )
    assert summary(built, Style(False), host="linux/amd64", again=True).splitlines()[0] == f"a:1  {built.digest}"
    short = summary(built, Style(False), host="linux/amd64", seconds=0.04, has_digest=False)
    assert short.splitlines()[0] == "a:1  in 0.0 s", "where standard output shows the digest to the same people"


def test_summary_says_where_to_try_when_this_host_cannot_run_the_image() -> None:
    assert last_line(["linux/arm64"]).startswith("try (on linux/arm64): docker run ")
