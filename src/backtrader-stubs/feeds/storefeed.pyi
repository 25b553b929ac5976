from btstores.feeds.storefeed import *
