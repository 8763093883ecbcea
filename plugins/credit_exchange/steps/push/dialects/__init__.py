"""The wires of the platforms, one module each; see base.py for what a dialect must do."""
