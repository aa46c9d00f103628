from __future__ import annotations

import base64
import hashlib
import re

import pytest

from grocker.runner.status import style

NEEDED = 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("name", ["STYLE", "SCRIPT"])
def test_digest_in_the_policy_is_that_of_what_stands_in_the_page(name: str) -> None:
    digest = hashlib.sha256(getattr(style, name).encode()).digest()
    assert getattr(style, f"{name}_DIGEST") == f"sha256-{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("name", ["STYLE", "SCRIPT"])
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    text = getattr(style, name)
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "</" not in text


def _schemes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root\{(.*?)\}", style.STYLE, re.DOTALL)
    return {
        scheme: dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", text))
        for scheme, text in (("light", light), ("dark", dark))
    }


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_H3_text_can_be_read_in_both_schemes(scheme: str) -> None:
    colours = _schemes()[scheme]
    pairs = [(text, ground) for text in ("ink", "soft", "link", "bad", "good") for ground in ("ground", "card")]
    pairs += [(kind, f"{kind}-ground") for kind in ("good", "busy", "care", "bad", "calm")]
    weak = {pair: ratio for pair in pairs if (ratio := _contrast(colours[pair[0]], colours[pair[1]])) < NEEDED}
    assert weak == {}


def test_H3_both_schemes_have_the_same_colours() -> None:
    schemes = _schemes()
    assert schemes["light"].keys() == schemes["dark"].keys()
