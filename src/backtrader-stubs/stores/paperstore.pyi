from btstores.stores.paper.store import *
