"""`python -m service`: serve as KINDRED_* variables and kindred.toml say."""

from __future__ import annotations

import sys

from service.settings import Settings
from service.web.serve import serve

sys.exit(serve(Settings()))
