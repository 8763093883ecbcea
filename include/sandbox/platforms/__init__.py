"""The three platforms' receiving interfaces as small strict servers, to try the exchange out and to test it.

Nothing of the exchange is imported: this is a second, independent reading of the three protocols.
"""

from .faults import Fault, FaultScript
from .ledger import Apply, Ledger, Seen
from .sandbox import Kind, Sandbox

__all__ = ["Apply", "Fault", "FaultScript", "Kind", "Ledger", "Sandbox", "Seen"]
