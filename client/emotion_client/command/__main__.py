"""Runs the command as `python -m emotion_client.command`."""

from __future__ import annotations

import sys

from emotion_client.command.main import main

sys.exit(main())
