"""Prices to play: from files, frames and feeds, or made up."""
