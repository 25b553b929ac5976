from btstores.stores.base import *
