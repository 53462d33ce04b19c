"""What goes over the wire between OpenWhisk and an invoker: messages, documents, texts.

Pure data: nothing here does I/O. One noun a file; each type parses what OpenWhisk sends and
serialises what OpenWhisk expects, to the same JSON value as a stock invoker's.
"""
