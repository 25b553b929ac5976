from typing import Any

from btstores.feeds.storefeed import StoreFeed as StoreFeed
from btstores.stores.paper.store import PaperData as PaperData

def __getattr__(name: str) -> Any: ...
