"""What every step needs: configuration, database, object store, keys and connections."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Engine

from credit_exchange.config.connections import Connection, Resolver, from_environment, keys_of
from credit_exchange.config.loader import Configuration, as_it_is, usable
from credit_exchange.core.crypto import Keys
from credit_exchange.stores.database import connect
from credit_exchange.stores.keys import proved
from credit_exchange.stores.landing import ObjectStore, open_store


@dataclass
class Exchange:
    """The exchange at work in one process. Build it with `Exchange.open()`; parts are made when first used."""

    config: Configuration
    engine: Engine
    resolve: Resolver = field(default=from_environment)

    @classmethod
    def open(
        cls, resolve: Resolver = from_environment, url: str | None = None, *, whatever_the_files: bool = False
    ) -> Exchange:
        """Load the configuration and connect. Raises ConfigurationError when something is missing.

        whatever_the_files: for who looks and tells people; with wrong files there are no parts then.
        """
        # a bulk night makes small objects by the million and hardly a cycle among them: at Python's own pace a seventh
        # of a release is spent on looking for some
        gc.set_threshold(50_000)
        return cls(config=as_it_is() if whatever_the_files else usable(), engine=connect(url), resolve=resolve)

    @cached_property
    def keys(self) -> Keys:
        """The encryption and HMAC keys of the connection `credit_keys`, those that the database is written with."""
        return proved(self.engine, keys_of(self.resolve("credit_keys")))

    @cached_property
    def landing(self) -> ObjectStore:
        """The sealed object store of landed bytes (CREDIT_EXCHANGE_LANDING)."""
        return open_store(self.keys)

    def connection(self, conn_id: str) -> Connection:
        """Return an outside connection by its id."""
        return self.resolve(conn_id)
