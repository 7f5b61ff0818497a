"""Text as it is typed -> what an editor shows: problems, hovers, completions, definitions, renames; over stdio, by pygls.

texts        lines, offsets and the units in which an editor counts
sketch       text -> tree, however broken the text is
roles        what a place in the tree is for
symbols      what is declared and referred to, and where
knowledge    the registry in Markdown
shapes       what is known of a value, once the text is sound
server       all of it as a language server

Only `server` and what answers requests know the protocol's types; the first four know texts alone.
"""
