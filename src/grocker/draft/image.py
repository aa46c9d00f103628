"""Translate a Dockerfile to settings, and say why the rest has no counterpart."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence

from grocker.config import command_lines
from grocker.config.dockerfile import (
    Instruction,
    Stage,
    Start,
    final_stages,
    last_instructions,
    python_series,
    read_stages,
    read_start,
)
from grocker.draft.front_end_stage import translate_front_end
from grocker.draft.programs import listens_elsewhere, service_table
from grocker.draft.steps import FRONT_END, translate_step
from grocker.draft.values import Findings, Remark
from grocker.platforms.interpreters import STANDALONE
from grocker.platforms.suites import SUITES
from grocker.regex import regex
from grocker.runner.contract.names import APPLICATION_PORT, CONFIG, MEDIA, SCRIPTS
from grocker.runner.contract.spec import STOP_SIGNALS

_SET_ALREADY = regex(
    r"PYTHON(?:UNBUFFERED|DONTWRITEBYTECODE|IOENCODING|FAULTHANDLER|HASHSEED|UTF8|OPTIMIZE)|"
    r"(?:PIP|UV|POETRY|PDM|PIPENV)_\w+|DEBIAN_FRONTEND|LANG|LC_ALL|LANGUAGE|TERM|VIRTUAL_ENV|PATH|HOME|WEB_CONCURRENCY"
)
"""variables of builds, and those that images set themselves"""
_SECRET = regex(r"SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
_SCRIPT = regex(r"(?:.*/)?[\w.-]*(?:entrypoint|start|run|init|boot)[\w.-]*(?:\.sh)?\Z|.*\.sh\Z")
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def translate_dockerfile(text: str, name: str) -> Findings:
    """Translate the last stage of a Dockerfile and those that it is built upon. ``name``: for remarks."""
    stages = read_stages(text)
    chain = final_stages(stages)
    names = {*(stage.name for stage in stages), *(str(number) for number in range(len(stages)))}
    found = Findings()
    for stage in stages:
        if stage not in chain:
            what = f"stage {stage.name or stage.image}"
            is_front_end = _is_front_end(stage)
            why = FRONT_END if is_front_end else "builds need no stages: dependencies become layers of their own"
            remarks = found.front_end_remarks if is_front_end else found.remarks
            remarks.append(Remark(f"{name}:{stage.line}", what, why))
    found.front_end = translate_front_end(stages, chain)
    if chain:
        _translate_base(found, chain[0], name)
    for one in (one for stage in chain for one in stage.instructions):
        _translate(found, one, f"{name}:{one.line}", names)
    _translate_start(found, last_instructions(chain), name)
    return found


def _is_front_end(stage: Stage) -> bool:
    text = " ".join(one.text for one in stage.instructions)
    return bool(re.search(r"\b(?:npm|yarn|pnpm|bun)\b", text) or re.match(r"(?:.*/)?(?:node|bun)\b", stage.image))


def _translate_base(found: Findings, stage: Stage, name: str) -> None:
    series = python_series(stage.image)
    place = f"{name}:{stage.line}"
    if not series:
        why = "images are built from Debian packages, not from a base image; only its packages can be listed here"
        if not re.match(r"(?:.*/)?(?:python|debian|ubuntu)\b", stage.image):
            found.remarks.append(Remark(place, f"FROM {stage.image}", why))
        return
    fitting = [suite for suite, about in SUITES.items() if about.python == series]
    if fitting:
        found.suite = fitting[0]
    elif series in STANDALONE.series:
        found.python = series
    else:
        known = ", ".join((*(f"{about.python} ({suite})" for suite, about in SUITES.items()), *STANDALONE.series))
        found.remarks.append(
            Remark(place, f"FROM {stage.image}", f"choose one of the available versions of Python: {known}")
        )


def _translate(found: Findings, one: Instruction, place: str, stages: Collection[str]) -> None:
    """Translate an instruction, unless it counts only where it comes last. ``stages``: names of the file's own."""

    def remark(why: str) -> None:
        found.remarks.append(Remark(place, f"{one.keyword} {one.text}", why))

    match one.keyword:
        case "RUN":
            translate_step(found, one, place)
        case "ENV":
            for variable, value in _pairs(one.text):
                _translate_variable(found, variable, value, place)
        case "COPY" | "ADD":
            _translate_copy(found, one, place, stages)
        case "USER":
            user = one.text.partition(":")[0]
            if user.isdigit() and user not in ("0", "1000"):
                found.user = {"uid": int(user)}
        case "EXPOSE":
            ports = [port.partition("/")[0] for port in one.text.split()]
            if any(port != str(APPLICATION_PORT) for port in ports):
                remark(f"services listen on {APPLICATION_PORT}: publish it with -p {ports[0]}:{APPLICATION_PORT}")
        case "VOLUME":
            if one.text.strip(' []"') != MEDIA:
                remark(f"data that the application writes belongs in {MEDIA}: set that path in its configuration")
        case "HEALTHCHECK":
            if one.text.upper() != "NONE":
                remark("give the engine this health check: grocker-runner health --ready")
        case "LABEL":
            remark("pass it when building: --label NAME=VALUE")
        case "ARG":
            remark("builds have no arguments; set variables of the build back end in [tool.grocker.build.env]")
        case "WORKDIR" | "MAINTAINER" | "SHELL" | "CMD" | "ENTRYPOINT" | "STOPSIGNAL":
            pass
        case _:
            remark("Grocker has no counterpart for this instruction")


def _translate_variable(found: Findings, variable: str, value: str, place: str) -> None:
    def remark(why: str) -> None:
        found.remarks.append(Remark(place, f"ENV {variable}", why))

    if not _VARIABLE.match(variable) or _SET_ALREADY.fullmatch(variable):
        return
    if _SECRET.search(variable):
        remark("it looks like a secret, and everybody who pulls the image could read it: pass it to the container")
    elif variable == "PYTHONPATH":
        remark("the top of a source tree and its src directory are on sys.path already")
    elif variable == "PORT":
        remark(f"PORT is {APPLICATION_PORT} in every image")
    elif "$" in value:
        remark("variables are not expanded: write its value under [tool.grocker.env]")
    else:
        found.env[variable] = value


def _translate_copy(found: Findings, one: Instruction, place: str, stages: Collection[str]) -> None:
    words = one.words or tuple(one.text.split())
    target = words[-1] if words else ""
    source = next((flag.partition("=")[2] for flag in one.flags if flag.startswith("--from=")), "")
    what = f"{one.keyword} {' '.join((*one.flags, one.text))}"
    if source and source.lower() in stages:
        return  # the stage has its remark
    if source and "uv" not in source:
        why = f"it comes from {source}: put it into the project before grocker build, or depend on a Debian package"
        found.remarks.append(Remark(place, what, why))
    elif any("://" in word for word in words[:-1]):
        found.remarks.append(Remark(place, what, "builds do not download files: put the file into the project"))
    elif target.startswith(("/etc/", "/usr/", "/bin/", "/lib/", "/root/", "/var/")) and not source:
        why = f"files go to the application's directory only; {CONFIG} and {SCRIPTS} are mounted by the operator"
        found.remarks.append(Remark(place, what, why))


def _translate_start(found: Findings, last: dict[str, Instruction], name: str) -> None:
    """Translate what the container runs: the last ENTRYPOINT and CMD."""
    start = read_start(last)
    entry = start.entrypoint
    if entry is not None and _is_script(entry):
        why = "what it prepares, such as migrations, becomes a command that the operator runs"
        found.remarks.append(Remark(f"{name}:{entry.line}", f"ENTRYPOINT {entry.text}", why))
        found.has_entry_script = True
        start = Start(None, start.cmd)
    one, words = start.first, start.words
    if one is None:
        return
    place = f"{name}:{one.line}"
    if _is_script(one):
        why = "scripts are not read: if it starts the service, set services.www.command to what it runs at its end"
        found.remarks.append(Remark(place, f"{one.keyword} {one.text}", why))
        return
    if not (words or one.text.strip()) or words == () or command_lines.is_development(words or one.text.split()):
        return
    table = service_table(words, one.text)
    stop = last.get("STOPSIGNAL")
    if stop is not None and (signal := stop.text.strip().removeprefix("SIG")) in STOP_SIGNALS and signal != "TERM":
        table["stop-signal"] = signal
    found.services["www"] = table
    ports = last["EXPOSE"].text.partition("/")[0].split() if "EXPOSE" in last else ["8000"]
    if listens_elsewhere(table, ports[0]):
        why = f"services listen on {APPLICATION_PORT} (the variable PORT): change the port in services.www.command"
        found.remarks.append(Remark(place, f"{one.keyword} {one.text}", why))


def _is_script(one: Instruction) -> bool:
    words = one.words or tuple(one.text.split())
    plain = [word for word in words if word.rpartition("/")[2] not in ("sh", "bash", "exec", "tini", "dumb-init", "--")]
    return (len(plain) >= 1 and plain[0].endswith(".sh")) or (len(words) == 1 and bool(_SCRIPT.match(words[0])))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the variables of an ENV, in its form of today or of old (``ENV NAME VALUE``)."""
    first = text.split(maxsplit=1)
    if first and "=" not in first[0]:
        yield first[0], _unquote(first[1]) if len(first) > 1 else ""
        return
    words: Sequence[str]
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            yield name, value


def _unquote(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
