from typing import Any

from . import brokers as brokers
from . import feeds as feeds
from . import stores as stores

def __getattr__(name: str) -> Any: ...
