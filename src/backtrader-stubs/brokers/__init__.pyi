from typing import Any

from btstores.brokers.storebroker import StoreBroker as StoreBroker
from btstores.brokers.storebroker import StoreCommInfo as StoreCommInfo
from btstores.stores.paper.store import PaperBroker as PaperBroker

def __getattr__(name: str) -> Any: ...
