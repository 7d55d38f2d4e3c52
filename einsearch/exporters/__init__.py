"""A trained network as files that others can use, each verified before it appears.

| file               | format                                                              |
| ------------------ | ------------------------------------------------------------------- |
| `base.py`          | `TrainedModel`, `Exporter`: write, verify, then move into place      |
| `registry.py`      | exporters by name, those of other packages included                 |
| `python_source.py` | `python`: a file that needs torch alone, with safetensors weights   |
| `weights.py`       | `safetensors`: weights, with the architecture in the header          |
| `pt2.py`           | `pt2`: `torch.export`, loads without the source                     |
| `onnx.py`          | `onnx`: for ONNX Runtime                                            |
| `onnx_int8.py`     | `onnx-int8`: the same, quantised to 8 bits                          |
"""
