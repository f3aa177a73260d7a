"""Coherence, fidelity and prompt fit of finished pictures, ours or not. docs/metrics.md explains."""
