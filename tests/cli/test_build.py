"""What ``grocker build`` says and how it reads its options."""

from __future__ import annotations

import pytest

from grocker.cli.asking import epoch, labels
from grocker.cli.build import size
from grocker.errors import GrockerError


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
    assert size(number) == text


@pytest.mark.parametrize(("given", "seconds"), [({}, 315532800), ({"SOURCE_DATE_EPOCH": "1700000000"}, 1700000000)])
def test_epoch_is_the_constant_when_the_environment_names_none(given: dict[str, str], seconds: int) -> None:
    assert epoch(given) == seconds


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "٣", "99999999999999"])
def test_epoch_is_refused_when_it_is_no_time(text: str) -> None:
    with pytest.raises(GrockerError) as caught:
        epoch({"SOURCE_DATE_EPOCH": text})
    assert caught.value.status == 78


def test_labels_are_split_at_the_first_equals_sign() -> None:
    assert labels(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


@pytest.mark.parametrize("text", ["a", "=b", "org.grocker.contract=2"])
def test_labels_are_refused_when_they_are_none_or_ours(text: str) -> None:
    with pytest.raises(GrockerError) as caught:
        labels([text])
    assert caught.value.status == 64
