"""Representations: what a fitted model sees inside, its layers, leaves, kernels and logits."""
