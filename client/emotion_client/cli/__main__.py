"""Runs the command: `python -m emotion_client.cli`."""

from __future__ import annotations

import sys

from emotion_client.cli.main import main

sys.exit(main())
