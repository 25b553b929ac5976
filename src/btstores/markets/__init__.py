"""Markets as rules with sources."""
