"""What needs fits: controls, and curves over rows and temperatures."""
