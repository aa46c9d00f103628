"""The command line, trusting the signers of a made-up archive: ``python -m tests.support.made_up SIGNERS build …``.

No setting says which signers are trusted, so this replaces the table in the process before the real entry point runs.
It also removes the pauses between attempts.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from grocker.debian import signers
from grocker.web import Transport


def main() -> None:
    signers.SIGNERS.clear()
    signers.SIGNERS.update(pickle.loads(Path(sys.argv.pop(1)).read_bytes()))
    defaults = Transport.__init__.__kwdefaults__
    assert defaults is not None
    defaults["sleep"] = lambda seconds: None
    from grocker.cli.main import main as grocker

    grocker()


if __name__ == "__main__":
    main()
