"""校验: every row is judged by the catalogue's rules; what fails is kept whole in quarantine with all its reasons."""

from credit_exchange.steps.validate.step import validate

__all__ = ["validate"]
