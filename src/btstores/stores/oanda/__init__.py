"""OANDA: its v20 interface, and a simulated one."""
