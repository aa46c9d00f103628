"""The status page: one HTML document, complete without JavaScript. Contract: H3, H4. Pure."""

from __future__ import annotations

from ..base.value import TYPE_CHECKING
from . import formatting
from .style import SCRIPT, SCRIPT_DIGEST, STYLE, STYLE_DIGEST
from .values import FAILED, NEW, RUNNING, STOPPED, STOPPING, SUCCEEDED, WAITING, Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .usage import Usage
    from .values import JobStatus, ProcessStatus, Status

TYPE = "text/html; charset=utf-8"
POLICY = (
    f"default-src 'none'; style-src '{STYLE_DIGEST}'; script-src '{SCRIPT_DIGEST}'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MOST_JOBS = 500
"""rows; all jobs are in /status.json"""
_REFRESH = 5  # seconds, without JavaScript
_DASH = '<span aria-hidden="true">–</span><span class="unseen">none</span>'
# Class of the badge, symbol (so that colour is not the only sign), word.
_PROCESS = {
    RUNNING: ("good", "●", "Running"),
    WAITING: ("care", "↻", "Restarting"),
    STOPPING: ("busy", "◌", "Stopping"),
    STOPPED: ("bad", "■", "Stopped"),
}
_JOB = {
    RUNNING: ("busy", "●", "Running"),
    WAITING: ("care", "◌", "Waiting"),
    NEW: ("calm", "○", "Never run"),
    SUCCEEDED: ("good", "✓", "Succeeded"),
    FAILED: ("bad", "✕", "Failed"),
}
_ICONS = {"good": "#1a8f52", "busy": "#2f6fc4", "care": "#c98a1a", "bad": "#c7372f", "calm": "#7a8797"}


def text(status: Status, usage: Usage, tails: Mapping[str, Sequence[str]] | None, *, token: bool) -> str:
    """Return the whole page. ``tails``: last log lines by writer, for holders of the token only, who also see command
    lines; ``token``: whether one is set.
    """
    kind, sign, word = overall(status)
    title = escape(f"{status.application} {status.service}: {word}")
    icon = _ICONS[kind].replace("#", "%23")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n'
        "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
        f"%3Ccircle cx='4' cy='4' r='4' fill='{icon}'/%3E%3C/svg%3E\">\n"
        f'<noscript><meta http-equiv="refresh" content="{_REFRESH}"></noscript>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "".join(_main(status, usage, tails, _badge("span", (kind, sign, word))))
        + "</main>\n"
        + _footer(status, tails is not None, token)
        + f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def overall(status: Status) -> tuple[str, str, str]:
    """Return the badge's class and symbol, and the container's state in a word."""
    if status.stopping:
        return "busy", "◌", "Stopping"
    if not all(check.passed for check in status.live):
        return "bad", "■", "Down"
    if all(check.passed for check in status.ready):
        return "good", "●", "Ready"
    recent = max((process.recent_restarts for process in status.processes), default=0)
    if recent > 1:
        return "bad", "✕", "Crash loop"
    if status.was_ready:
        return "care", "▲", "Not ready"
    return ("care", "↻", "Restarting") if recent else ("busy", "◌", "Starting")


def _main(status: Status, usage: Usage, tails: Mapping[str, Sequence[str]] | None, badge: str) -> Iterable[str]:
    now = status.now
    yield (
        f'<div class="head"><div><h1>{escape(status.application)} <small>{escape(status.version)}</small></h1>\n'
        f'<p class="lead">{_lead(status)}</p></div>\n<p aria-live="polite">{badge}</p></div>\n'
    )
    failing = [check for check in (*status.live, *status.ready) if not check.passed]
    if failing and not status.stopping:
        kind = "bad" if overall(status)[0] == "bad" else "care"
        yield f'<p class="why {kind}">{escape(failing[0].name)}: {escape(failing[0].text)}</p>\n'
    full = tails is not None
    if status.processes:
        yield _table(
            "Processes",
            ("Process", "State", "#Up for", "#Restarts", "#Last exit", "#CPU time", "#Memory", "#Files", "#Workers"),
            [_process(process, usage, now, full) for process in status.processes],
        )
    if status.jobs or status.service == "cron":
        yield _table(
            "Jobs",
            ("Job", "Last run", "Started", "Next run", "#Runs", "#Failures", "#Skipped"),
            [_job(job, now, full) for job in status.jobs[:MOST_JOBS]] or ['<tr><td colspan="7">No jobs</td></tr>'],
            more=max(0, len(status.jobs) - MOST_JOBS),
        )
    yield f'<div class="pair">\n{_checks(status)}{_container(status, usage)}</div>\n'
    if tails is not None:
        yield _log(tails)


def _lead(status: Status) -> str:
    parts = [
        f"<strong>{escape(status.service)}</strong>",
        f"up for {formatting.duration(status.now - status.since)}",
    ]
    restarts = sum(process.restarts for process in status.processes)
    if restarts:
        parts.append(_number(restarts, "restart"))
    if status.jobs:
        parts.append(_number(len(status.jobs), "job"))
        running, failed = (sum(job.state == state for job in status.jobs) for state in (RUNNING, FAILED))
        parts += [f"{formatting.count(running)} running"] if running else []
        parts += [f"<b>{formatting.count(failed)} failed</b>"] if failed else []
    return "&nbsp;· ".join(parts)  # the separator stays at the end of a line


def _table(caption: str, columns: Sequence[str], rows: Sequence[str], *, more: int = 0) -> str:
    """Roles are needed because rows become blocks on phones. ``#`` marks columns of numbers."""
    heads = "".join(
        f'<th scope="col" role="columnheader"{" class=number" if column[0] == "#" else ""}>{column.lstrip("#")}</th>'
        for column in columns
    )
    rest = (
        f'<p class="lead">{formatting.count(more)} more in <a href="status.json">status.json</a></p>\n' if more else ""
    )
    return (
        f'<section>\n<table role="table">\n<caption>{caption}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n<tbody role="rowgroup">\n'
        + "\n".join(rows)
        + f"\n</tbody>\n</table>\n{rest}</section>\n"
    )


def _process(process: ProcessStatus, usage: Usage, now: float, full: bool) -> str:
    tree = None if process.pid is None else usage.trees.get(process.pid)
    command = f"<code>{escape(_command(process.command))}</code>" if full and process.command else ""
    recycled = f"<small>{formatting.count(process.recycled)} recycled</small>" if process.recycled else ""
    last = None if process.last_exit is None else formatting.exit_status(process.last_exit)
    return _row(
        f"{escape(process.name)}{command}",
        ("State", _process_state(process), "keep"),
        ("Up for", None if process.started is None else formatting.duration(now - process.started), "number"),
        ("Restarts", f"{formatting.count(process.restarts)}{recycled}", "number"),
        ("Last exit", last, "number"),
        ("CPU time", None if tree is None else formatting.duration(tree.cpu), "number"),
        ("Memory", None if tree is None else formatting.size(tree.memory), "number"),
        ("Files", None if tree is None or tree.open_files is None else formatting.count(tree.open_files), "number"),
        ("Workers", None if tree is None else formatting.count(tree.workers), "number"),
    )


def _process_state(process: ProcessStatus) -> str:
    """A process that has just been restarted may die again: it is not green."""
    if process.state == RUNNING and process.recent_restarts:
        times = _number(process.recent_restarts, "restart")
        return f"{_badge('span', ('care', '↻', 'Restarted'))}<small>{times} lately</small>"
    return _badge("span", _PROCESS.get(process.state, ("calm", "○", escape(process.state))))


def _job(job: JobStatus, now: float, full: bool) -> str:
    command = f"<code>{escape(job.command)}</code>" if full and job.command else ""
    log = f' <a href="log?of={escape(job.name)}">log</a>' if full else ""
    state = _badge("span", _JOB[job.state])
    if job.state == FAILED and job.last_status:
        status = formatting.exit_status(job.last_status)
        state += f"<small>{status if job.last_status > 128 else 'status ' + status}</small>"
    if job.waiting:
        state += f"<small>{formatting.count(job.waiting)} waiting</small>"
    started = None
    if job.last_start is not None:
        took = "" if job.last_duration is None or job.pid is not None else f", {formatting.duration(job.last_duration)}"
        started = f"{_time(job.last_start, now)}<small>{formatting.clock(job.last_start, now)}{took}</small>"
    coming = None
    if job.upcoming is not None:
        coming = f"{_time(job.upcoming, now)}<small>{formatting.clock(job.upcoming, now)}</small>"
    left_out = [_number(job.missed, "missed", "missed")] if job.missed else []
    retries = f"<small>{_number(job.retries, 'retry', 'retries')}</small>" if job.retries else ""
    failures = f"<strong>{formatting.count(job.failures)}</strong>" if job.failures else "0"
    return _row(
        f"{escape(job.name)}{log}<code>{escape(job.schedule)}</code>{command}",
        ("Last run", state, "keep"),
        ("Started", started, "half"),
        ("Next run", coming, "half"),
        ("Runs", formatting.count(job.runs), "number"),
        ("Failures", failures + retries, "number"),
        ("Skipped", formatting.count(job.skips) + "".join(f"<small>{text}</small>" for text in left_out), "number"),
    )


def _row(name: str, *cells: tuple[str, str | None, str]) -> str:
    """Format a row. ``cells``: column, content (None for none) and class."""
    return (
        f'<tr role="row"><th scope="row" role="rowheader">{name}</th>'
        + "".join(
            f'<td role="cell" data-of="{column}" class="{kind}">{content}</td>'
            if content is not None
            else f'<td role="cell" data-of="{column}" class="{kind} none">{_DASH}</td>'
            for column, content, kind in cells
        )
        + "</tr>"
    )


def _checks(status: Status) -> str:
    """Format the probes' results and reasons."""
    started = Check(
        name="started", passed=status.was_ready, text="has been ready" if status.was_ready else "has not been ready yet"
    )
    items = []
    for name, checks in (("livez", status.live), ("readyz", status.ready), ("startupz", (started,))):
        passed = all(check.passed for check in checks)
        kind, sign, word = ("good", "✓", "passes") if passed else ("bad", "✕", "fails")
        about = "".join(f"<small>{escape(check.name)}: {escape(check.text)}</small>" for check in checks)
        items.append(
            f'<li><i class="{kind}" aria-hidden="true">{sign}</i>'
            f'<span><a href="{name}?verbose">{name}</a> {word}{about}</span></li>\n'
        )
    return f"<section>\n<h2>Probes</h2>\n<ul>\n{''.join(items)}</ul>\n</section>\n"


def _container(status: Status, usage: Usage) -> str:
    facts = []
    if usage.memory is not None:
        bar, of = "", ""
        if usage.memory_limit:
            share = min(1.0, usage.memory / usage.memory_limit)
            bar = f'<progress value="{share:.3f}" aria-label="share of the memory limit"></progress>'
            of = f" of {formatting.size(usage.memory_limit)}"
        facts.append(f"<dt>Memory</dt><dd>{formatting.size(usage.memory)}{of}{bar}</dd>\n")
    if usage.oom_kills is not None:
        facts.append(f"<dt>Out-of-memory kills</dt><dd>{_number(usage.oom_kills, 'process', 'processes')}</dd>\n")
    dropped = "".join(
        f", {formatting.count(number)} not delivered to {escape(name)}" for name, number in status.log.dropped if number
    )
    facts.append(f"<dt>Log</dt><dd>{_number(status.log.lines, 'line')}{dropped}</dd>\n")
    if status.log.syslog is not None:
        facts.append(f"<dt>Syslog</dt><dd>{'connected' if status.log.syslog else 'not connected'}</dd>\n")
    runner = f"{formatting.size(usage.runner.memory)}, {formatting.duration(usage.runner.cpu)} of CPU"
    facts.append(f"<dt>Runner</dt><dd>{runner}</dd>\n")
    started = f'<time datetime="{formatting.timestamp(status.since)}">{formatting.date(status.since)}</time>'
    if status.host:
        facts.append(f"<dt>Host name</dt><dd>{escape(status.host)}</dd>\n")
    facts.append(f"<dt>Started</dt><dd>{started} {escape(formatting.zone(status.now))}</dd>\n")
    return f"<section>\n<h2>Container</h2>\n<dl>\n{''.join(facts)}</dl>\n</section>\n"


def _log(tails: Mapping[str, Sequence[str]]) -> str:
    parts = [
        f"<details><summary>{escape(name)} <small>{_number(len(lines), 'line')}</small></summary>\n"
        f"<pre>{escape(chr(10).join(lines))}</pre></details>\n"
        for name, lines in tails.items()
    ]
    return f"<section>\n<h2>Log</h2>\n{''.join(parts)}</section>\n"


def _footer(status: Status, holder: bool, token: bool) -> str:
    links = '<a href="status.json">status.json</a> <a href="metrics">metrics</a>'
    if holder:
        links += ' <a href="log">log</a>'
    elif token:
        links += ' <a href="?token">Show log and command lines</a>'
    updated = f"Updated {formatting.clock(status.now, status.now)}, every {_REFRESH} s"
    return (
        f'<footer>\n<nav aria-label="More">{links}</nav>\n'
        f"<span>Grocker {escape(status.grocker)}, image contract {status.contract} · "
        f'<span id="live" role="status">{updated}</span></span>\n</footer>\n'
    )


def _badge(tag: str, look: tuple[str, str, str]) -> str:
    kind, sign, word = look
    return f'<{tag} class="badge {kind}"><i aria-hidden="true">{sign}</i>{word}</{tag}>'


def _time(moment: float, now: float) -> str:
    return f'<time datetime="{formatting.timestamp(moment)}">{formatting.from_now(moment, now)}</time>'


def _number(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{formatting.count(number)} {noun if number == 1 else nouns or noun + 's'}"


def _command(arguments: Sequence[str]) -> str:
    """Quote for a shell."""
    plain = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%^")
    return " ".join(
        argument if argument and plain.issuperset(argument) else "'" + argument.replace("'", "'\\''") + "'"
        for argument in arguments
    )


def escape(value: str) -> str:
    """Escape for text and for attributes in double quotes."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
