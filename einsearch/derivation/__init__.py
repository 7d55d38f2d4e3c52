"""Derivations: how a grammar's choices become a network.

`Machine` walks `grammar.expressions` over tensor specs, by the `steps` of each kind of expression
(`calls`, `rules`, `copies`, `blocks`); copies on tensors of the same specs are made at once
(`splicing`), and what is `known` is not derived again. `Deriver` makes what it comes to: `sample`,
`replay`, and edits of a derivation by an `Editor`: `edit` (mutation, crossover), `operators`
(mutation at several scales, which `keeping`, `near` and `sites` serve). `Recognizer` finds how a
given architecture is derived (`parse`): calls are matched (`matching`) or left out (`padding`),
copies read their decisions (`repeating`); `trails` are what it remembers; `places` says which rule
a decision belongs to. A `Derivation` is the outcome; `terms` and `text` print it. `Bounds` makes
`Limits` hold. `analysis` and `counts` tell how large networks are and how many there are:
`counts_walk` makes a circuit (`counts_series`) of the rules, kind by kind of expression
(`counts_steps`), over `counts_state`, `counts_values`, `counts_ends`.
"""
