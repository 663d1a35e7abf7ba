"""One endpoint of an API as a connector: from its method and URL, or from a curl command that somebody has.

`curl` and `typed` read what was written into a sample of a request, `credentials` takes the secrets out of it, `making`
writes the connector. Nothing here sends anything, reads a file, or looks at the environment.
"""
