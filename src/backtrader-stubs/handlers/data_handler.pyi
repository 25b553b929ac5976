from btstores.handlers.data_handler import *
