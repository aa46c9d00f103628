from __future__ import annotations

import pytest

from grocker.runner.base.value import Value


class Point(Value):
    """For the tests."""

    x: int
    y: int = 0


def test_value_is_compared_by_what_it_holds() -> None:
    assert Point(x=1) == Point(x=1, y=0)
    assert Point(x=1) != Point(x=2)
    assert hash(Point(x=1)) == hash(Point(x=1))
    assert Point(x=1) != (1, 0)
    assert repr(Point(x=1)) == "Point(x=1, y=0)"


def test_value_never_changes() -> None:
    point = Point(x=1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    with pytest.raises(AttributeError):
        point.z = 2  # type: ignore[attr-defined]


def test_value_is_refused_when_fields_do_not_fit() -> None:
    with pytest.raises(TypeError, match="needs x"):
        Point(y=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="has no z"):
        Point(x=1, z=1)  # type: ignore[call-arg]
