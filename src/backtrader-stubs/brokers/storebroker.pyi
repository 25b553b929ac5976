from btstores.brokers.storebroker import *
