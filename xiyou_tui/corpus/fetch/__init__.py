"""Fetching a text from where the user says: `sources` lists the places, `fetching.Fetcher` brings one in and reads it as an edition.

Nothing here opens a connection before `Fetcher.run` is called, and then only to the addresses of the one source it was given.
"""
