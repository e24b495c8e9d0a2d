"""Counterfactuals: which nearby row is more typical of a class for a fitted model."""
