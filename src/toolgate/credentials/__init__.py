"""What we show an upstream: one file per kind."""
