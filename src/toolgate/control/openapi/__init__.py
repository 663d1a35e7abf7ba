"""OpenAPI documents as connectors: a document in, a connector as plain values out. Nothing here reads a file, asks a
host or follows a reference out of the document.

`reading` takes bytes, `document` looks through the differences between Swagger 2, OpenAPI 3.0 and 3.1, `selection`
chooses, `making` writes the connector. What cannot be said in a connector is left out, and why is told.
"""
