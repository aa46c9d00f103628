"""The process that sends heartbeats and mails: reads messages, answers each with a line (see ``cron.messenger``)."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from queue import SimpleQueue

from ..base.value import TYPE_CHECKING
from ..contract.names import GROCKER_SMTP_SECURITY

if TYPE_CHECKING:
    from typing import Any

_THREADS = 8
_TIMEOUT = 10.0  # seconds for each response
_RETRIES = (1.0, 5.0)  # seconds before each retry
_LONGEST = 500  # characters of an error


def main() -> None:
    """Send messages until stdin is closed and everything is answered."""
    messages: SimpleQueue[bytes | None] = SimpleQueue()
    threads: list[threading.Thread] = []
    for line in sys.stdin.buffer:
        messages.put(line)
        if len(threads) < _THREADS:
            threads.append(threading.Thread(target=_work, args=(messages,), daemon=True))
            threads[-1].start()
    for _ in threads:
        messages.put(None)
    for thread in threads:
        thread.join()


def _work(messages: SimpleQueue[bytes | None]) -> None:
    while (line := messages.get()) is not None:
        answer = send(json.loads(line))
        data = " ".join(answer.split())[:_LONGEST].encode("utf-8", "replace")
        try:
            sys.stdout.buffer.write(data + b"\n")
            sys.stdout.buffer.flush()
        except OSError:
            return  # the scheduler is gone


def send(message: dict[str, Any]) -> str:
    """Send a message; return the error, without URL and password (X3), or ""."""
    what = f"{message['kind']} of {message['job']}"
    why = ""
    for pause in (*_RETRIES, None):
        why = _heartbeat(message) if message["kind"] == "heartbeat" else _mail(message)
        if not why:
            return ""
        if pause is not None:
            time.sleep(pause)
    return f"{what}: {why}"


def _literal(address: str) -> str:
    """Return how a client without a host name identifies itself. Source: RFC 5321, 4.1.3 and 4.1.4."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _heartbeat(message: dict[str, Any]) -> str:
    import urllib.error
    import urllib.request

    opener = urllib.request.OpenerDirector()  # not build_opener: neither files nor ftp
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(message["url"], headers={"User-Agent": "grocker"})  # noqa: S310
    try:
        with opener.open(request, timeout=_TIMEOUT) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as error:
        with error:
            return f"the server answered {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except Exception as error:  # noqa: BLE001 - servers may send anything
        return type(error).__name__
    return ""


def _mail(message: dict[str, Any]) -> str:
    import smtplib
    import ssl
    from email.message import EmailMessage

    mail = EmailMessage()
    try:
        mail["From"] = message["sender"]
        mail["To"] = message["to"]
        mail["Subject"] = message["subject"]
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message["text"])
        security = message["security"]
        context = ssl.create_default_context()
        host, port = message["host"], message["port"]
        name = os.uname().nodename  # otherwise smtplib asks DNS, which may take long
        if security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, name, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(host, port, name, timeout=_TIMEOUT)
        with server:
            if "." not in name and server.sock is not None:
                server.local_hostname = _literal(server.sock.getsockname()[0])
            server.ehlo()
            safe = security == "tls"
            if security == "starttls" or (security == "auto" and server.has_extn("starttls")):
                server.starttls(context=context)
                server.ehlo()
                safe = True
            if message["user"]:
                if not safe and security != "off":
                    return (
                        "the server offers no STARTTLS, refusing to send the password; "
                        f"{GROCKER_SMTP_SECURITY}=off allows it"
                    )
                server.login(message["user"], message["password"] or "")
            server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        return f"{message['host']}: the server answered {error.smtp_code}"
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return f"{message['host']}: {getattr(error, 'strerror', None) or type(error).__name__}"
    return ""
