"""上报: delivery to the platforms. `drain` sends and settles, `poll_receipts` only looks after what is under way."""

from credit_exchange.steps.push.drain import drain, poll_receipts
from credit_exchange.steps.push.result import DrainResult

__all__ = ["DrainResult", "drain", "poll_receipts"]
