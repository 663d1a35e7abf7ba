"""Towards servers: one file or small folder per kind; the file name is the kind."""
