"""The modules that the peers share import each other as `peers.*`."""

import sys

from emotion_command.checkout import ROOT

sys.path.append(str(ROOT / "benchmarks"))
