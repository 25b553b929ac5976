from btstores.handlers.position_handler import *
