"""What `toolgate import` would do: servers of clients' files as servers of ours, duplicates merged, secrets moved to
references. Pure: a plan comes out, and a text with the new entries in it; nothing is started, asked, read or written.
"""
