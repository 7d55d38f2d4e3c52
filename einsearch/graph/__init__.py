"""Architectures as graphs: built from a `Program`, simplified, counted, hashed, judged, drawn.

| file              | gives                                                                     |
| ----------------- | ------------------------------------------------------------------------- |
| `graph.py`        | `ArchitectureGraph`: one architecture with everything known without torch |
| `calls.py`        | `nature_of`, `label_of`: what a call is by itself                         |
| `simplify.py`     | `simplify`: the same function from fewer calls                            |
| `canonical.py`    | `canonical_hash`: equal for networks that are the same                    |
| `remembered.py`   | `remembered`: results of functions of programs, kept as long as those     |
| `requirements.py` | `violation`: why a network cannot learn, in one symbolic pass             |
| `outline.py`      | what drawings show: repeated blocks and equal branches once               |
| `formula.py`      | `formula`: what a layer made of arithmetic computes, as a formula         |
| `draw.py`         | `draw_text`: a picture for the terminal                                   |
| `svg.py`          | `draw_svg`: a picture for a page, placed by `layout.py`                   |

Nothing here imports torch.
"""
