"""Instructions of Dockerfiles: continued lines, flags, here-documents, stages."""

from __future__ import annotations

import pytest

from grocker.config.dockerfile import Start, final_stages, last_instructions, python_series, read_stages, read_start


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RUN a \\\n  # why\n\n  && b\n", [(2, "RUN", (), "a && b")]),
        ("# a comment\nrun a\n", [(3, "RUN", (), "a")]),
        (
            "RUN --mount=type=cache,target=/c --network=none  pip install x\n",
            [(2, "RUN", ("--mount=type=cache,target=/c", "--network=none"), "pip install x")],
        ),
        ("RUN <<EOF\na\nb\nEOF\nCMD c\n", [(2, "RUN", (), "a\nb"), (6, "CMD", (), "c")]),
        ("RUN cat <<'END' > /x\na\nEND\n", [(2, "RUN", (), "cat  > /x\na")]),
        ("EXPOSE\n", [(2, "EXPOSE", (), "")]),
        ("RUN a \\", [(2, "RUN", (), "a")]),
        ("RUN <<EOF\nnever ends\n", [(2, "RUN", (), "never ends")]),
    ],
)
def test_instruction_is_read(text: str, found: list[tuple[int, str, tuple[str, ...], str]]) -> None:
    [stage] = read_stages("FROM python:3.13\n" + text)
    assert [(one.line, one.keyword, one.flags, one.text) for one in stage.instructions] == found


def test_continuation_of_nothing_is_no_instruction() -> None:
    assert [stage.image for stage in read_stages("\\\n\nFROM python\n\\")] == ["python"]


def test_lines_are_continued_by_the_character_that_the_file_chooses() -> None:
    [stage] = read_stages("# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN b `\n c\\\nRUN d\n")
    assert [one.text for one in stage.instructions] == ["b c\\", "d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [('["a", "b c"]', ("a", "b c")), ("a b", None), ("['a']", None), ('["a", 1]', None), ("[", None)],
)
def test_exec_form_is_a_json_array_of_strings(text: str, words: tuple[str, ...] | None) -> None:
    [stage] = read_stages(f"FROM a\nCMD {text}\n")
    assert stage.instructions[0].words == words


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("ARG A\nFROM a\n", ["a"]),
        ("FROM a AS base\nFROM node AS front\nFROM base\n", ["a", "base"]),
        ("FROM a as Base\nFROM base as next\nFROM NEXT\n", ["a", "base", "NEXT"]),
        ("FROM a as a\nFROM a\n", ["a", "a"]),
        ("FROM --platform=linux/amd64 a\n", ["a"]),
        ("RUN x\n", []),
    ],
)
def test_last_stage_is_preceded_by_those_that_it_is_built_upon(text: str, images: list[str]) -> None:
    assert [stage.image for stage in final_stages(read_stages(text))] == images


@pytest.mark.parametrize(
    ("text", "keyword", "words"),
    [
        ('ENTRYPOINT ["a"]\nCMD ["b"]', "ENTRYPOINT", ("a", "b")),
        ('ENTRYPOINT ["a"]\nCMD b', "ENTRYPOINT", ("a",)),
        ('ENTRYPOINT a\nCMD ["b"]', "ENTRYPOINT", None),
        ('ENTRYPOINT []\nCMD ["b"]', "CMD", ("b",)),
        ('CMD ["a"]\nCMD b', "CMD", None),
    ],
)
def test_last_entrypoint_and_cmd_are_what_a_container_runs(
    text: str, keyword: str, words: tuple[str, ...] | None
) -> None:
    start = read_start(last_instructions(final_stages(read_stages(f"FROM a\n{text}\n"))))
    assert start.first is not None
    assert (start.first.keyword, start.words) == (keyword, words)
    assert read_start({}) == Start(None, None)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("ARG VERSION=3.11\nFROM python:${VERSION}-slim", "python:3.11-slim"),
        ('ARG A="3.11" B=python:$A\nFROM $B', "python:3.11"),
        ("FROM python:${VERSION:-3.12}", "python:3.12"),
        ("ARG VERSION\nFROM python:$VERSION", "python:$VERSION"),
        ("FROM a\nARG VERSION=3.11\nFROM python:$VERSION", "python:$VERSION"),
    ],
)
def test_images_have_the_defaults_of_arguments_before_the_first_stage(text: str, image: str) -> None:
    assert read_stages(text)[-1].image == image


@pytest.mark.parametrize(
    ("image", "series"),
    [
        ("python:3.11", "3.11"),
        ("python:3.12.4-slim-bookworm@sha256:0", "3.12"),
        ("docker.example/library/python:3.9-alpine", "3.9"),
        ("example/web-server:python3.8-alpine", "3.8"),
        ("example/uv:0.5-python3.13-slim", "3.13"),
        ("python:3", ""),
        ("python:2.7", ""),
        ("python:3.1234", ""),
        ("debian:13", ""),
        ("cpython:3.12", ""),
    ],
)
def test_name_of_an_image_tells_its_python(image: str, series: str) -> None:
    assert python_series(image) == series


def test_arguments_that_grow_without_end_are_not_expanded() -> None:
    text = "ARG A=python\n" + "".join("ARG A=$A$A\n" for _ in range(64)) + "FROM $A\n"
    assert len(read_stages(text)[0].image) <= 1024
