from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.errors import CorruptError
from grocker.python.record import UNUSABLE, Hash, line_hash, parse, write

PATHS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\"), min_size=1).filter(
    lambda path: path != "RECORD" and not path.startswith("./")
)


def refuse(fault: str) -> None:
    raise AssertionError(fault)


@given(st.dictionaries(PATHS, st.binary()))
def test_record_is_read_as_it_was_written(files: dict[str, bytes]) -> None:
    data = write([(path, line_hash(content), len(content)) for path, content in files.items()], "RECORD")
    found = dict(parse(data, "x.whl", refuse))
    assert found.pop("RECORD") is None
    assert found == {path: Hash("sha256", line_hash(content)[7:]) for path, content in files.items()}


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        (b"a\n", "line 1: expected 3 fields, got 1", {"a": None}),
        (b"a,b=c,d,e\n", "line 1: expected 3 fields, got 4", {"a": UNUSABLE}),
        (b"ok,,\na,md5=x,1\n", "line 2: expected a hash of at least sha256, got 'md5=x'", {"ok": None, "a": UNUSABLE}),
        (b"a,sha1,1\n", "line 1: expected a hash of at least sha256, got 'sha1'", {"a": UNUSABLE}),
        (b"a,sha256=x,1\na,sha256=y,1\n", "lists a twice, with different hashes", {"a": UNUSABLE}),
        (b"x.dist-info\\RECORD,,\n", r"'x.dist-info\\RECORD' is not a normalised path", {"x.dist-info/RECORD": None}),
        (b"./a,sha256=x,1\n", "'./a' is not a normalised path", {"a": Hash("sha256", "x")}),
    ],
)
def test_record_is_read_with_a_fault_when(text: bytes, words: str, found: dict[str, Hash | None]) -> None:
    faults: list[str] = []
    assert parse(text, "x.whl", faults.append) == found
    assert words in " ".join(faults)


def test_record_is_refused_when_it_is_no_text() -> None:
    with pytest.raises(CorruptError, match="reading x.whl: RECORD: "):
        parse(b"\xff,,\n", "x.whl", refuse)
