"""`python -m app`: reads the settings and serves until SIGTERM or SIGINT.

The first process of a container ignores SIGTERM unless it asks for it, so it is asked for before the slow imports.
"""

import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))

from .settings import Settings, SettingsError  # noqa: E402

try:
    settings = Settings.from_environment()
except SettingsError as error:
    sys.exit(f"settings: {error}")

from .server import run  # noqa: E402

run(settings)
