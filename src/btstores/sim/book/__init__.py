"""The parts of the simulated exchange: orders, matching, contingent orders, the account."""
