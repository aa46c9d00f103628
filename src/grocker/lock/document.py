"""The lock as a file: TOML, ``version = 1``, sorted, a value a line, so that it reads and diffs well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grocker.lock.values import Lock


def render(lock: Lock) -> str:
    """``grocker.lock`` as text: the same lock gives the same bytes, and no address stands in it."""
    import tomli_w

    top = {
        "version": 1,
        "inputs": lock.inputs,
        "base": {"distribution": lock.base.distribution, "suite": lock.base.suite},
        "interpreter": {
            "implementation": lock.interpreter.implementation,
            "source": lock.interpreter.source,
            "version": lock.interpreter.version,
        },
    }
    # One by one: tomli_w alone writes rows that are short as inline tables, and long ones otherwise.
    rows = [f"\n[[{name}]]\n{tomli_w.dumps(row)}" for name, row in _rows(lock)]
    return tomli_w.dumps(top) + "".join(rows)


def _rows(lock: Lock) -> list[tuple[str, Mapping[str, Any]]]:
    debian = [
        {
            "name": p.name,
            "version": p.version,
            "arch": p.architecture,
            "suite": p.suite,
            "path": p.filename,
            "size": p.size,
            "sha256": p.sha256,
        }
        for p in sorted(lock.debian)
    ]
    python = [
        {
            "name": f.name,
            "version": f.version,
            "file": f.file,
            "index": f.index,
            "size": f.size,
            "sha256": f.sha256,
            "platforms": [lock.platform],
        }
        for f in sorted(lock.python)
    ]
    build = [{"name": r.name, "version": r.version} for r in sorted(lock.build)]
    return [
        *(("debian", row) for row in debian),
        *(("python", row) for row in python),
        *(("build", row) for row in build),
    ]
