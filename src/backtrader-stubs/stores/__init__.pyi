from typing import Any

from btstores.stores.base import BaseStore as BaseStore
from btstores.stores.paper.store import PaperStore as PaperStore
from btstores.stores.replay.store import ReplayStore as ReplayStore

def __getattr__(name: str) -> Any: ...
