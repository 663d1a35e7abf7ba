"""The text of documents as Markdown: PDF, DOCX, XLSX, PPTX, HTML and EPUB.

A document is read in a process of its own, made for it and gone afterwards, with bounded time, memory and output: what
a hostile file can cost is known before it is opened.
"""
