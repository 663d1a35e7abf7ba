"""The control plane's pure parts: what is declared and discovered, compiled."""
