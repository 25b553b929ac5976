from typing import Any

from btstores.stores.paper.store import PaperStore as PaperStore

from btstores.stores.base import BaseStore as BaseStore

def __getattr__(name: str) -> Any: ...
