"""The subcommands, one module each; torch is imported inside them only."""
