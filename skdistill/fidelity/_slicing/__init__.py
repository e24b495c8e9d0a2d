"""The search for slices on which teacher and student differ."""
