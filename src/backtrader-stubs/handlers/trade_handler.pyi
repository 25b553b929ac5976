from btstores.handlers.trade_handler import *
