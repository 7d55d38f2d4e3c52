"""Parts of `cost_model.py`: which networks are drawn, and how one is measured."""
