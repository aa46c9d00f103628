"""Creates in ``/media`` what the links of the application's writable paths lead to, unless it exists. Contract: E15.

What appears there appears whole, because several containers may start at once with the same directory.
"""

from __future__ import annotations

import os

from ..base.failure import reason, warn
from ..base.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..contract.names import ContainerLayout


def create_targets(paths: Sequence[str], layout: ContainerLayout) -> None:
    """Create each of ``paths`` below ``/media`` with its initial content; those of directories end with ``/``.

    What cannot be created gets one warning.
    """
    for path in paths:
        target = f"{layout.media}/{path.rstrip('/')}"
        if os.path.lexists(target):
            continue
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            initial = f"{layout.initial}/{path.rstrip('/')}"
            if os.path.lexists(initial):
                _copy(initial, target)
            elif path.endswith("/"):
                os.makedirs(target, exist_ok=True)
        except OSError as error:
            warn(f"{target}: cannot be created: {reason(error)}; the application cannot write to {path.rstrip('/')}")


def _copy(initial: str, target: str) -> None:
    """Copy a file or a directory to ``target``, unless another container is faster. Raises OSError."""
    import shutil

    parent, _, name = target.rpartition("/")
    copy = f"{parent}/.{name}.{os.urandom(8).hex()}"
    try:
        if os.path.isdir(initial):
            shutil.copytree(initial, copy, symlinks=True)
        else:
            shutil.copy(initial, copy)
        if not os.path.lexists(target):
            os.rename(copy, target)
    except OSError:
        if not os.path.lexists(target):
            raise
    finally:
        if os.path.isdir(copy):
            shutil.rmtree(copy, ignore_errors=True)
        elif os.path.lexists(copy):
            os.unlink(copy)
