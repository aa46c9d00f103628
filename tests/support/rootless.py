"""How a test as root starts what an ordinary user runs in name spaces of their own.

The kernel makes no user name space for a process in a chroot (create_user_ns), and a clean machine of CI may be one. So
the process gets a mount name space whose root is the directory that it sees as ``/``.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

TUN = Path("/dev/net/tun")
_SPACE = ("unshare", "--mount", "--propagation", "private", "nsenter", "--mount=/proc/self/ns/mnt", "--wd=/")
# nsenter leaves the chroot, but for the working directory; where there is none, pivot_root is refused and all is well.
_ENTER = "/usr/sbin/pivot_root . . 2>/dev/null && umount -l .; cd / && mount --make-rshared /"


def launcher(uid: int, tun: Path = TUN, groups: str = "--init-groups") -> tuple[str, ...]:
    """What goes before a command to make it the user's, in the same directory, with ``tun`` as the device TUN."""
    outside = f'exec {shlex.join(_SPACE)} -- sh -c "$0" "$PWD" "$@"'
    bind = "" if tun == TUN else f" && mount --bind {tun} {TUN}"
    become = shlex.join(["setpriv", f"--reuid={uid}", f"--regid={uid}", groups])
    return ("sh", "-c", outside, f'{_ENTER}{bind} && cd "$0" && exec {become} "$@"')


def lacks(commands: Sequence[str]) -> list[str]:
    """Those of the commands that are not where Debian installs them."""
    places = [Path(name) for name in ("/usr/bin", "/usr/sbin", "/bin", "/sbin")]
    return [name for name in commands if not any((place / name).exists() for place in places)]
