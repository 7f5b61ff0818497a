"""Packs that lie elsewhere, read through fsspec: over HTTP, from S3, from whatever has a file system for it.

urls      a URL, the file system for it, and what errors may show of it
ranges    spans -> requests: neighbours in one, large ones in several
http      requests for ranges of a file, each answer held against what was asked for
storage   the same by way of any other file system
file      a file elsewhere as a `Source`: what was read of it already isn't asked for again
opening   a URL -> the files of a pack, in few requests
trusted   tensors against their digests, and the cache
"""
