"""The configuration files of MCP clients: where they are, how servers are read from them, how we are written into them.

Pure: texts and paths in, values and edits out. Nothing here reads or writes a file. One module per client; `table`
lists them; `json_file` and `toml_file` are the two syntaxes.
"""
