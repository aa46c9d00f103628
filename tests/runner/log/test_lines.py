from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grocker.runner.log.lines import CUT, BlockSplitter, LineSplitter

BLOCKS = st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\x00", b"\n")) | st.just(b"\n"), max_size=12)


def _shortened(lines: bytes, longest: int) -> list[bytes]:
    """As who sends them shortens those that were whole in a block."""
    return [
        line if len(line) <= longest or line.endswith(CUT) else line[:longest] + CUT for line in lines.split(b"\n")[:-1]
    ]


@given(BLOCKS, st.integers(1, 20))
def test_lines_are_the_same_when_blocks_are_split_later(blocks: list[bytes], longest: int) -> None:
    one, other = LineSplitter(longest), BlockSplitter(longest)
    lines = [line for block in blocks for line in one.take(block)] + one.end()
    whole = b"".join(other.take(block) for block in blocks) + other.end()
    assert _shortened(whole, longest) == lines


def test_block_is_not_copied_when_it_ends_with_a_line() -> None:
    data = b"one\ntwo\n"
    assert BlockSplitter().take(data) is data


def test_line_without_an_end_does_not_grow_for_ever() -> None:
    lines = BlockSplitter(10)
    assert lines.take(b"x" * 8) == b""
    assert lines.take(b"x" * 8) == b"x" * 10 + CUT + b"\n"
    assert [lines.take(b"x" * 8) for _ in range(3)] == [b""] * 3
    assert lines.take(b"\nnext\n") == b"next\n"
