"""What of a Dockerfile becomes settings, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from grocker.draft.image import translate_dockerfile


@pytest.mark.parametrize(
    ("text", "dependencies", "words"),
    [
        (
            "RUN apt-get update && apt-get install -y libpq5 gettext=0.23-1 && rm -rf /x",
            ["libpq5", "gettext=0.23-1"],
            "",
        ),
        ("RUN apt-get update; apt-get install --no-install-recommends -t trixie \\\n libmagic1", ["libmagic1"], ""),
        ("RUN apt install libpq-dev gcc libpq5", ["libpq5"], "libpq-dev, gcc: for the build only"),
        ("RUN apt-get install -y python3-pip ca-certificates $EXTRA", [], "$EXTRA: not the name of a Debian package"),
        ('RUN ["apt-get", "install", "libpq5"]', ["libpq5"], ""),
        ("RUN <<EOF\napt-get install -y libpq5\nEOF", ["libpq5"], ""),
        ("RUN if true; then apt-get install -y libpq5; fi", ["libpq5"], ""),
        ("RUN apk add --no-cache libpq", [], "images are based on Debian"),
        ("RUN apt-get install 'unbalanced", [], ""),
    ],
)
def test_packages_become_dependencies(text: str, dependencies: list[str], words: str) -> None:
    found = translate_dockerfile(f"FROM python:3.13\n{text}\n", "Dockerfile")
    assert found.dependencies == dependencies
    assert [words in remark.why for remark in found.remarks] == ([True] if words else [])


@pytest.mark.parametrize(
    ("text", "env", "words"),
    [
        ("ENV A=1 B='x y'", {"A": "1", "B": "x y"}, ""),
        ("ENV A some words", {"A": "some words"}, ""),
        ("ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PATH=/x:$PATH LANG=C.UTF-8", {}, ""),
        ("ENV SECRET_KEY=abc", {}, "looks like a secret"),
        ("ENV A=$B", {}, "not expanded"),
        ("ENV PORT=8000", {}, "PORT is 8080"),
        ("ENV PYTHONPATH=/app", {}, "sys.path"),
        ("ENV", {}, ""),
    ],
)
def test_variables_are_taken_over_unless_images_set_them(text: str, env: dict[str, str], words: str) -> None:
    found = translate_dockerfile(f"FROM python:3.13\n{text}\n", "Dockerfile")
    assert found.env == env
    assert [words in remark.why for remark in found.remarks] == ([True] if words else [])


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ('CMD ["gunicorn", "--bind", "0.0.0.0:8000", "shop.wsgi:application"]', {"wsgi": "shop.wsgi:application"}),
        ("CMD gunicorn shop.wsgi -w 4 --timeout 30", {"wsgi": "shop.wsgi:application", "workers": 4}),
        ("CMD exec gunicorn -b :$PORT shop:app", {"wsgi": "shop:app"}),
        ("CMD gunicorn -k uvicorn.workers.UvicornWorker shop:app", {"asgi": "shop:app"}),
        ('CMD ["uvicorn", "shop.main:app", "--host", "0.0.0.0"]', {"asgi": "shop.main:app"}),
        ('CMD ["python", "-m", "uvicorn", "shop:app", "--port", "80"]', {"asgi": "shop:app"}),
        ("CMD gunicorn -c gunicorn.conf.py shop:app", {"command": ["gunicorn", "-c", "gunicorn.conf.py", "shop:app"]}),
        ('CMD ["python", "bot.py"]', {"command": ["python", "bot.py"]}),
        ("CMD python a.py && python b.py", {"command": "python a.py && python b.py"}),
        ('CMD ["sh", "-c", "gunicorn shop:app"]', {"wsgi": "shop:app"}),
        ('ENTRYPOINT ["python"]\nCMD ["bot.py"]', {"command": ["python", "bot.py"]}),
        ("CMD python bot.py\nSTOPSIGNAL SIGINT", {"command": ["python", "bot.py"], "stop-signal": "INT"}),
        ('CMD ["flask", "run", "--host=0.0.0.0"]', None),
        ("CMD python manage.py runserver 0.0.0.0:8000", None),
        ('ENTRYPOINT ["./docker-entrypoint.sh"]\nCMD ["python", "bot.py"]', {"command": ["python", "bot.py"]}),
        ('CMD ["./start.sh"]', None),
        ('CMD ["/bin/bash", "boot.sh"]', None),
        ("CMD []", None),
    ],
)
def test_command_becomes_the_service(text: str, table: dict[str, Any] | None) -> None:
    found = translate_dockerfile(f"FROM python:3.13\n{text}\n", "Dockerfile")
    assert found.services == ({} if table is None else {"www": table})


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("RUN npm run build", "Dockerfile:2: RUN npm run build: list its commands in [tool.grocker.build]"),
        (
            "RUN curl -O https://example.com/model.bin",
            "Dockerfile:2: RUN curl -O https://example.com/model.bin: builds",
        ),
        (
            "RUN pip install -r requirements.txt flask gunicorn",
            "Dockerfile:2: RUN pip install -r requirements.txt flask",
        ),
        (
            "RUN python -m nltk.downloader punkt",
            "Dockerfile:2: RUN python -m nltk.downloader punkt: list it in [tool.grocker.build]",
        ),
        ("EXPOSE 8000", "Dockerfile:2: EXPOSE 8000: services listen on 8080: publish it with -p 8000:8080"),
        ("VOLUME /data", "Dockerfile:2: VOLUME /data: data that the application writes belongs in /media"),
        ("HEALTHCHECK CMD curl localhost", "Dockerfile:2: HEALTHCHECK CMD curl localhost: give the engine this"),
        ("LABEL a=b", "Dockerfile:2: LABEL a=b: pass it when building"),
        ("ARG VERSION=1", "Dockerfile:2: ARG VERSION=1: builds have no arguments"),
        ("COPY nginx.conf /etc/nginx/", "Dockerfile:2: COPY nginx.conf /etc/nginx/: files go to the application's"),
        (
            "COPY --from=redis /usr/bin/redis-server /bin/",
            "Dockerfile:2: COPY --from=redis /usr/bin/redis-server /bin/",
        ),
        ("ADD https://example.com/a /a", "Dockerfile:2: ADD https://example.com/a /a: builds do not download files"),
        ("ONBUILD RUN a", "Dockerfile:2: ONBUILD RUN a: Grocker has no counterpart for this instruction"),
        ("CMD python bot.py --port 8000", "Dockerfile:2: CMD python bot.py --port 8000: services listen on 8080"),
    ],
)
def test_remark_says_why_there_is_no_counterpart(text: str, remark: str) -> None:
    found = translate_dockerfile(f"FROM python:3.13\n{text}\n", "Dockerfile")
    [only] = map(str, (*found.remarks, *found.front_end_remarks))
    assert only.startswith(remark)


@pytest.mark.parametrize(
    "text",
    [
        "RUN pip install --no-cache-dir -r requirements.txt && useradd -u 1000 app && mkdir -p /app",
        "RUN --mount=type=cache,target=/root/.cache uv sync --frozen",
        "WORKDIR /app\nCOPY . /app\nCOPY --chown=app a.txt b/\nUSER 1000\nEXPOSE 8080\nVOLUME /media",
        "HEALTHCHECK NONE",
    ],
)
def test_nothing_is_said_of_what_builds_do_anyway(text: str) -> None:
    found = translate_dockerfile(f"FROM python:3.13\n{text}\n", "Dockerfile")
    assert (found.remarks, found.services, found.dependencies) == ([], {}, [])


@pytest.mark.parametrize(
    ("image", "suite", "remarks"),
    [
        ("python:3.13-slim", "trixie", 0),
        ("docker.io/library/python:3.11", "bookworm", 0),
        ("python:3.12", "", 0),
        ("python:3.4", "", 1),
        ("debian:trixie", "", 0),
        ("nvidia/cuda:12", "", 1),
    ],
)
def test_base_image_chooses_the_suite(image: str, suite: str, remarks: int) -> None:
    found = translate_dockerfile(f"FROM {image}\n", "Dockerfile")
    assert (found.suite, len(found.remarks)) == (suite, remarks)
    assert found.python == ("3.12" if image == "python:3.12" else "")


def test_user_and_static_files_are_taken_over() -> None:
    found = translate_dockerfile("FROM a\nRUN python manage.py collectstatic --no-input\nUSER 1234:1\n", "Dockerfile")
    assert (found.user, found.static) == ({"uid": 1234}, True)


def test_other_stages_count_with_one_remark_each() -> None:
    text = (
        "FROM node:22 AS front\nRUN npm ci\nFROM python:3.13\nCOPY --from=front /dist /app/dist\nCOPY --from=0 /a /b\n"
    )
    found = translate_dockerfile(text, "Dockerfile")
    assert list(map(str, found.front_end_remarks)) == [
        (
            "Dockerfile:1: stage front: list its commands in [tool.grocker.build], or run it before grocker build; "
            "git must not ignore its output"
        )
    ]
    assert found.remarks == []


@pytest.mark.parametrize("text", ["", "\0", "FROM", "FROM a\nFROM", "FROM a\nRUN", "FROM a\nCMD", "]" * 50])
def test_odd_dockerfile_gives_no_service(text: str) -> None:
    assert translate_dockerfile(text, "Dockerfile").services == {}
