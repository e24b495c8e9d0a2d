"""Displays and the pictures of a report."""
