from typing import Any

from btstores.stores.paper.store import PaperData as PaperData

from btstores.feeds.storefeed import StoreFeed as StoreFeed

def __getattr__(name: str) -> Any: ...
