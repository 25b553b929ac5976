from btstores.handlers.order_handler import *
