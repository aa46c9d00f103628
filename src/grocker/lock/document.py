"""The lock as a file: TOML, ``version = 1``, sorted, a value a line, so that it reads and diffs well."""

from __future__ import annotations

from typing import Any

from grocker.lock.values import Lock


def render(lock: Lock) -> str:
    """``grocker.lock`` as text: the same lock gives the same bytes, and no address stands in it."""
    import tomli_w

    document: dict[str, Any] = {
        "version": 1,
        "inputs": lock.inputs,
        "base": {"distribution": lock.base.distribution, "suite": lock.base.suite},
        "interpreter": {
            "implementation": lock.interpreter.implementation,
            "source": lock.interpreter.source,
            "version": lock.interpreter.version,
        },
        "debian": [
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
        ],
        "python": [
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
        ],
        "build": [{"name": r.name, "version": r.version} for r in sorted(lock.build)],
    }
    return tomli_w.dumps({k: v for k, v in document.items() if v != []})
