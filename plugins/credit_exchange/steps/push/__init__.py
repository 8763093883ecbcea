"""上报: delivery to the platforms. `drain` sends and settles, `poll_receipts` only looks after what is under way."""

from credit_exchange.steps.push.drain import DrainResult, drain, poll_receipts
from credit_exchange.steps.push.owner import die_with_parent

__all__ = ["DrainResult", "die_with_parent", "drain", "poll_receipts"]
