"""The paper's tables and figures: what to paint and measure, how to compare and show it."""
