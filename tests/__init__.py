"""The tests; a package, so that `tests.tiny` is ours and nobody else's."""
