"""The control plane: records in, Snapshot out."""
