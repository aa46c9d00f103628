"""The files that a requirement file consists of."""

from __future__ import annotations

from pathlib import Path

import pytest

from grocker.errors import GrockerError, SettingsError
from grocker.python.requirement_files import (
    ListedSource,
    RequirementList,
    parse_requirement_files,
    read_requirement_files,
)
from grocker.python.sources import DirectorySource, GitSource, Sdist


def test_included_files_count(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "main.txt").write_text(
        "-r more/base.txt\n  --constraint=limits.txt  # why\nflask\n-r https://a/b.txt\n"
    )
    (tmp_path / "more" / "base.txt").write_text("-c ../limits.txt\n")
    (tmp_path / "limits.txt").write_text("flask<4\n")
    found = read_requirement_files([tmp_path / "main.txt"])
    assert {path.resolve().relative_to(tmp_path).as_posix() for path in found} == {
        "main.txt",
        "more/base.txt",
        "limits.txt",
    }


def test_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    (tmp_path / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(SettingsError, match=r"circular include: b\.txt includes a\.txt, which includes b\.txt"):
        read_requirement_files([tmp_path / "a.txt"])


def test_missing_file_is_named_with_the_file_that_includes_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-r gone.txt\n")
    with pytest.raises(SettingsError, match=r"gone\.txt \(included by a\.txt\): No such file"):
        read_requirement_files([tmp_path / "a.txt"])


def parsed(directory: Path, text: str, **environ: str) -> RequirementList:
    file = directory / "requirements.txt"
    file.write_text(text)
    return parse_requirement_files([file], read_requirement_files([file]), directory, environ)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Flask>=3,<4  # why", "Flask>=3,<4"),
        ("flask[async] == 3.0 ; python_version >= '3.11'", "flask[async] == 3.0 ; python_version >= '3.11'"),
        ("flask>=3, \\\n  <4", "flask>=3,    <4"),
        ("lib @ https://example.invalid/lib-1.0.tar.gz", "lib @ https://example.invalid/lib-1.0.tar.gz"),
        (
            "https://example.invalid/lib-1.0-py3-none-any.whl#egg=lib[x]",
            "lib[x] @ https://example.invalid/lib-1.0-py3-none-any.whl",
        ),
        ("./wheels/lib-1.0-py3-none-any.whl", "lib @ file://PLACE/wheels/lib-1.0-py3-none-any.whl"),
        ("wheels/lib-1.0-py3-none-any.whl[x]", "lib[x] @ file://PLACE/wheels/lib-1.0-py3-none-any.whl"),
        ("\ufeffflask", "flask"),
    ],
)
def test_requirement_is_read_as_pip_reads_it(tmp_path: Path, line: str, found: str) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "lib-1.0-py3-none-any.whl").touch()
    assert parsed(tmp_path, line).requirements == (found.replace("PLACE", str(tmp_path)),)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("-e .", ListedSource(DirectorySource(Path("PLACE")))),
        ("--editable=./lib[dev,test]", ListedSource(DirectorySource(Path("PLACE/lib")), ("dev", "test"))),
        (
            "./lib ; sys_platform == 'linux'",
            ListedSource(DirectorySource(Path("PLACE/lib")), (), "sys_platform == 'linux'"),
        ),
        ("file:./lib", ListedSource(DirectorySource(Path("PLACE/lib")))),
        (
            "git+https://joe@example.invalid/lib.git@v1#egg=My_Lib[x]&subdirectory=py",
            ListedSource(GitSource("https://joe@example.invalid/lib.git", "v1", "py", "my-lib"), ("x",)),
        ),
        ("-e git+ssh://git@example.invalid/lib", ListedSource(GitSource("ssh://git@example.invalid/lib"))),
        (
            "https://example.invalid/lib-1.0.tar.gz",
            ListedSource(
                Sdist("", "", "lib-1.0.tar.gz", "https://example.invalid/lib-1.0.tar.gz", None, None, is_addressed=True)
            ),
        ),
    ],
)
def test_requirement_without_a_name_is_a_source(tmp_path: Path, line: str, found: ListedSource) -> None:
    (tmp_path / "lib").mkdir()
    [source] = parsed(tmp_path, line).sources
    assert repr(source).replace(str(tmp_path), "PLACE") == repr(found)


def test_options_constraints_hashes_and_variables_are_read(tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "limits.txt").write_text("flask<4\n")
    text = (
        "--index-url https://joe:${PASSWORD}@example.invalid/simple\n--extra-index-url=https://more.invalid/simple\n"
        "-f links\n--pre\n--trusted-host more.invalid\n--no-binary :all:\n-climits.txt\n"
        f"flask==3.0 \\\n  --hash=sha256:{'1' * 64} \\\n  --hash sha256:{'2' * 64}\n"
    )
    found = parsed(tmp_path, text, PASSWORD="hunter2")
    assert (found.requirements, found.constraints, found.variables) == (
        ("flask==3.0",),
        ("flask<4",),
        frozenset({"PASSWORD"}),
    )
    assert found.hashes == {"flask": frozenset({f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"})}
    assert found.index_options == {
        "UV_DEFAULT_INDEX": "https://joe:hunter2@example.invalid/simple",
        "UV_INDEX": "https://more.invalid/simple",
        "UV_FIND_LINKS": str(tmp_path / "links"),
        "UV_INSECURE_HOST": "more.invalid",
        "UV_PRERELEASE": "allow",
    }
    assert found.places == {
        "https://example.invalid/simple": "requirements.txt, line 1",
        "https://more.invalid/simple": "requirements.txt, line 2",
        "links": "requirements.txt, line 3",
    }


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("-r requirements.txt\n", "requirements.txt includes itself", "remove that line"),
        ("-r gone.txt\n", "gone.txt (included by requirements.txt): No such file", "add the file"),
        ("\n-r https://example.invalid/x.txt\n", "line 2: https://example.invalid/x.txt is not a file", "download it"),
        ("flask\n--whatever\n", "requirements.txt, line 2: unknown option '--whatever'", "remove it"),
        ("--index-url\n", "line 1: --index-url needs a value", "complete"),
        ("flask==\n", "line 1: invalid requirement 'flask=='", "write NAME"),
        ("flask 3.0\n", "line 1: invalid requirement", "write NAME"),
        ("-i https://${TOKEN}@example.invalid/\n", "line 1: the variable TOKEN is not set", "export TOKEN="),
        (f"flask==1 --hash=sha256:{'1' * 64}\nsix\n", "line 2: six has no hash", "--generate-hashes"),
        ("flask==1 --hash=md5:1\n", "line 1: unsupported hash 'md5'", "sha256"),
        ("flask==1 --hash=sha256:1\n", "line 1: malformed hash", "sha256:HEX"),
        ("hg+https://example.invalid/x\n", "the only supported version control system is git", "git+https"),
        ("flask\udcff\n", "not UTF-8", "UTF-8"),
    ],
)
def test_line_that_cannot_be_followed_is_one_clear_error(tmp_path: Path, text: str, words: str, hint: str) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(GrockerError) as caught:
        parse_requirement_files([file], read_requirement_files([file]), tmp_path, {})
    assert (words in caught.value.message, hint in str(caught.value.hint)) == (True, True), (
        caught.value.message,
        caught.value.hint,
    )
