from btstores.handlers.account_handler import *
