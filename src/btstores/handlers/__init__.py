"""What happens when a venue tells us something: one handler per kind of report."""
