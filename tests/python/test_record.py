from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grocker.errors import CorruptError
from grocker.python.record import Hash, line_hash, parse, write

PATHS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(lambda path: path != "RECORD")


@given(st.dictionaries(PATHS, st.binary()))
def test_record_is_read_as_it_was_written(files: dict[str, bytes]) -> None:
    data = write([(path, line_hash(content), len(content)) for path, content in files.items()], "RECORD")
    found = dict(parse(data, "x.whl"))
    assert found.pop("RECORD") is None
    assert found == {path: Hash("sha256", line_hash(content)[7:]) for path, content in files.items()}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a,b\n", "line 1: expected 3 fields, got 2"),
        (b"ok,,\na,md5=x,1\n", "line 2: expected a hash of at least sha256, got 'md5=x'"),
        (b"a,sha256=x,1\na,sha256=y,1\n", "lists a twice, with different hashes"),
        (b"\xff,,\n", "RECORD"),
    ],
)
def test_record_is_refused_when(text: bytes, words: str) -> None:
    with pytest.raises(CorruptError) as caught:
        parse(text, "x.whl")
    assert words in caught.value.message
    assert "x.whl" in caught.value.message
