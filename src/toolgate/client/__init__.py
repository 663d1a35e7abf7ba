"""How our own command line speaks to a running Toolgate."""
