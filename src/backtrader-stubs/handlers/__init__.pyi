from btstores.handlers import *
