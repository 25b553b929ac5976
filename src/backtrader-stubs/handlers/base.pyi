from btstores.handlers.base import *
