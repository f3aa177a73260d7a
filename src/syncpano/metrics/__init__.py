"""Coherence, fidelity and prompt fit of pictures, ours or not; docs/metrics.md explains."""
