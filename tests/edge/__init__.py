"""The edges' own machinery, without sockets."""
