"""The grammar language: text -> `Grammar`.

`read` makes a syntax tree (`syntax`), `modules` follows imports, `link` resolves names into
`expressions`, `load` puts a `Grammar` (`model`) together. Of linking, `scope` says what a name can
mean, `calling` links names and calls, `structure` the ways to put expressions together, `values`
numbers, guards and probabilities.

`write` makes a file of a `Grammar` again, with other names and probabilities where these are handed
in; `show` prints expressions. `format` gives a file its canonical layout: `format_tokens` finds
where comments belong, `format_layout` makes documents (`format_doc`) of constructs, `format_print`
breaks them into lines. `diagram` makes railroad diagrams of rules, `diagram_page` pictures of them
and pages.
"""
