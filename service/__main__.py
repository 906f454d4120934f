"""`python -m service`: serve as KINDRED_* variables and kindred.toml say."""

from __future__ import annotations

import sys

from service.serve import serve
from service.settings import Settings

sys.exit(serve(Settings()))
