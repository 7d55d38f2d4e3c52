"""Tasks: the data, what a network must answer, and how its answers are judged.

| file            | what                                                                        |
| --------------- | --------------------------------------------------------------------------- |
| `base.py`       | `Task`, `Split`, `Loss`, `Metric`; no data in it                             |
| `registry.py`   | `register_task`, `all_tasks`, `make_task`: from `{name: digits}` to a `Task` |
| `preparing.py`  | cutting splits, normalising with the statistics of the training split        |
| `arrays.py`     | task `arrays`: an `.npz`, a folder of `.npy` files, a CSV or TSV              |
| `telling.py`    | the line that says what was read                                            |
| `files.py`      | arrays of NumPy, without ever unpickling; what a header promises is checked   |
| `pictures.py`   | folders of images by class                                                  |
| `stored.py`     | arrays that stay on disk                                                     |
| `arraynames.py` | what others call arrays                                                       |
| `targets.py`    | classes or amounts: what the answers of training are                          |
| `places.py`     | answers for every pixel or step                                               |
| `labels.py`     | labels are names, whatever their type                                         |
| `rawdata.py`    | raw examples of a split, read as those of training are                        |
| `gaps.py`       | series of different lengths, and with gaps                                    |
| `tabletext.py`  | how a table is written: encoding, separator, decimal mark                      |
| `headers.py`    | whether the first row of a table names its columns                            |
| `tables.py`     | CSV and TSV files: which column is what                                       |
| `tablearrays.py` | their cells, and saying where one is wrong                                  |
| `columnkinds.py` | numbers, truths, dates or words: what a column holds                         |
| `frames.py`     | columns as the file has them                                                |
| `encoding.py`   | from columns to features, by what training holds                             |
| `rowcoding.py`  | the same for one cell, for exported networks, too                            |
| `textcolumns.py` | whether a column of text holds sequences of symbols                           |
| `sequences.py`  | rows of symbols: letters, words, whole numbers that are names                |
| `alphabet.py`   | from symbols to codes, by what training holds                                |
| `marks.py`      | weights, groups and order of examples                                         |
| `cutting.py`    | which examples are cut off for validation and for the test                    |
| `assembling.py` | from raw examples of all splits to a `Task`                                   |
| `layouts.py`    | which axis of an array is what                                               |
| `characters.py` | task `characters`: the next character of a text                             |
| `texts.py`      | texts from files, and one that comes with Python                            |
| `digits.py`     | task `digits`: scikit-learn's handwritten digits                             |
| `generated.py`  | small sets drawn from a seed: `bars`, `markers`, `series`, `spirals`, `waves` |

Everything here is NumPy; torch begins in `einsearch.evaluate`.
"""
