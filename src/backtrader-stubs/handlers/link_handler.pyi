from btstores.handlers.link_handler import *
