"""The journal: what we intended and what we were told, in order, on disk."""
