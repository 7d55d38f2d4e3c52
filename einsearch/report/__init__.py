"""What a run looks like to people: one HTML file that needs nothing else.

| file       | gives                                                          |
| ---------- | -------------------------------------------------------------- |
| history.py | numbers over the trials: best so far, failures by reason       |
| svg.py     | scales, ticks and elements of a chart                          |
| charts.py  | the charts of the report, each a text of SVG                   |
| page.py    | the page itself, with its style and script beside it           |
"""
