from __future__ import annotations

from grocker.runner.log.tail import LINES, LogTail


def test_tail_has_the_last_lines_of_each() -> None:
    tail = LogTail()
    for number in range(LINES + 50):
        tail.add("www", f"line {number}\n".encode())
        tail.add("job", b"\xff\n")
    lines = tail.lines("www")
    assert (len(lines), lines[0], lines[-1]) == (LINES, "line 50", f"line {LINES + 49}")
    assert tail.lines("job") == ["�"] * LINES
    assert tail.lines("another") == []


def test_tail_begins_with_a_whole_line_when_there_was_much() -> None:
    tail = LogTail()
    for data in (b"x" * 1000 + b"\n") * 100, b"y\n" * 40000:
        tail.add("www", data)
        assert {len(line) for line in tail.lines("www")} == {data.index(b"\n")}
    for _ in range(3000):
        tail.add("www", b"z" * 99 + b"\n")
    assert tail.lines("www") == ["z" * 99] * LINES


def test_tail_forgets_who_was_silent_longest_when_there_are_many() -> None:
    tail = LogTail()
    for number in range(100):
        tail.add(f"job{number}", b"x" * 30000 + b"\n")
        tail.add("job0", b"still\n")
    assert tail.lines("job0")[-1] == "still"
    assert tail.lines("job1") == []
    assert tail.lines("job99") != []
