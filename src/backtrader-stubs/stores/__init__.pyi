from typing import Any

from btstores.stores.base import BaseStore as BaseStore
from btstores.stores.paper.store import PaperStore as PaperStore

def __getattr__(name: str) -> Any: ...
