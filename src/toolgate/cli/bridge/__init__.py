"""The bridge from stdio to a Toolgate elsewhere. A client starts one per session and waits for it, so it loads little:
no framework of the command line, no server."""
