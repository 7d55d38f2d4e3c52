"""The grammar language: text -> `Grammar`.

`read` makes a syntax tree (`syntax`), `modules` follows imports, `link` and `values` resolve names
into `expressions`, `load` puts a `Grammar` (`model`) together.
"""
