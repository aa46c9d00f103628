"""A stage that builds the front end, as build commands."""

from __future__ import annotations

import pytest

from grocker.config.dockerfile import final_stages, read_stages
from grocker.draft.front_end_stage import StageBuild, translate_front_end

PYTHON = "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"


def translate(text: str) -> StageBuild | None:
    stages = read_stages(text)
    return translate_front_end(stages, final_stages(stages))


@pytest.mark.parametrize(
    ("text", "commands", "outputs"),
    [
        (
            (
                "FROM node:22 AS front\nWORKDIR /src\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n"
                f"{PYTHON}COPY --from=front /src/shop/static/dist ./shop/static/dist\n"
            ),
            ["npm ci", "npm run build"],
            ["shop/static/dist"],
        ),
        (
            (
                "FROM node:22 AS front\nWORKDIR /app\nCOPY frontend/ .\nRUN npm ci && npm run build\n"
                f"{PYTHON}COPY --from=front /app/dist /app/static\n"
            ),
            [
                "cd frontend && npm ci",
                "cd frontend && npm run build",
                "mkdir -p static && cp -r frontend/dist/. static/",
            ],
            ["static"],
        ),
        (
            (
                "FROM node:22\nCOPY . /app/\nWORKDIR /app/ui\nRUN npm ci --no-audit\nRUN npx vite build\n"
                "FROM python:3.13\nCOPY . /srv\nCOPY --from=0 /app/ui/dist /srv/ui/dist\n"
            ),
            ["cd ui && npm ci --no-audit", "cd ui && npx vite build"],
            ["ui/dist"],
        ),
    ],
)
def test_stage_becomes_commands_when_it_runs_npm_alone(text: str, commands: list[str], outputs: list[str]) -> None:
    assert translate(text) == StageBuild(tuple(commands), tuple(outputs))


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.13\nRUN npm ci\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN apt-get install git && npm ci\n{PYTHON}COPY --from=a /x/d d\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN yarn build\n{PYTHON}COPY --from=a /x/d d\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN npm ci\n{PYTHON}",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN npm ci\n{PYTHON}COPY --from=a /elsewhere/d d\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN npm ci\n{PYTHON}COPY --from=a /x/*.js d\n",
        f"FROM node AS a\nWORKDIR /x\nRUN npm ci\n{PYTHON}COPY --from=a /x/d d\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN npm run $NAME\n{PYTHON}COPY --from=a /x/d d\n",
        f"FROM node AS a\nWORKDIR /x\nCOPY . .\nRUN npm ci\n{PYTHON}COPY --from=a /x/d /usr/share/d\n",
    ],
)
def test_stage_is_left_to_people_when_it_is_not_that_simple(text: str) -> None:
    assert translate(text) is None
