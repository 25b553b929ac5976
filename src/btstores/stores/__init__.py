"""One folder a venue, and the contract they all meet."""
