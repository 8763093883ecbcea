"""A platform (信用福州, 信用福建, 信用中国, or any later receiver). Files `include/platforms/<platform>.yml`."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from credit_exchange.config.base import Model


def _written(given: Any) -> Any:
    """Refuse what stood there without quotes: YAML reads 22:00 as the number 1320, a time as seconds of the day."""
    if not isinstance(given, (str, time)):
        raise ValueError('应为带引号的时刻，例如 "01:30"')
    return given


def _of_shanghai(given: time) -> time:
    if given.tzinfo is not None:
        raise ValueError("时刻按北京时间，不写时区；请删去时区")
    return given


Clock = Annotated[time, BeforeValidator(_written), AfterValidator(_of_shanghai)]


class Route(Model):
    """How one data set travels to a platform. Which keys count depends on the dialect."""

    catalog: dict[str, str] = Field(
        default_factory=dict, description="fujian_task: subject kind (legal, sole_trader, person or '*') -> catalog"
    )
    endpoint: str | None = Field(default=None, description="china_xml: import service, e.g. importPermissionXml")
    kind: str | None = Field(default=None, description="china_xml: kind in revoke and query, e.g. permission")
    fields: dict[str, str] = Field(default_factory=dict, description="our code -> the platform's; others keep theirs")
    omit: list[str] = Field(default_factory=list, description="fields this platform does not take")
    retired: bool = Field(
        default=False, description="it gets no more of it: what is published there is withdrawn; then drop the entry"
    )

    def catalog_of(self, subject_kind: str) -> str | None:
        """Return the catalog of records about such subjects; None: there is none for them."""
        return self.catalog.get(subject_kind) or self.catalog.get("*")


class Limits(Model):
    """What the platform takes in one call."""

    records: int = Field(default=500, ge=1)
    bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    calls_per_second: float | None = Field(default=None, gt=0)


class RetryPolicy(Model):
    """Retries after a refusal that surely stored nothing (seconds; attempts per shipment in one drain)."""

    attempts: int = Field(default=4, ge=1, le=20)
    first_seconds: float = Field(default=2, gt=0)
    max_seconds: float = Field(default=60, gt=0)


class Circuit(Model):
    """When to stop calling a platform that does not work."""

    failures: int = Field(default=5, ge=1)
    open_seconds: float = Field(default=300, gt=0)


class Window(Model):
    """A maintenance window, wall clock in Asia/Shanghai; over midnight when it ends before it starts."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _lasts(self) -> Window:
        if self.start == self.end:
            raise ValueError("start 和 end 相同，窗口不会生效；请更正其一")
        return self


class Platform(Model):
    """A receiver of credit records."""

    platform: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    name: str
    dialect: str = Field(description="fuzhou_json, fujian_task, china_xml, or a dialect class added later")
    connection: str
    ca_bundle: str | None = Field(
        default=None, description="absolute path of a private CA bundle (PEM); verification is never off"
    )
    datasets: dict[str, Route] = Field(min_length=1)
    limits: Limits = Limits()
    gzip: bool = False
    connect_timeout: float = Field(default=5, gt=0)
    read_timeout: float = Field(default=60, gt=0)
    total_timeout: float = Field(default=120, gt=0)
    settle_after_seconds: float = Field(default=120, ge=0)
    lease_seconds: float = Field(default=300, gt=0)
    drain_seconds: float = Field(
        default=3600, gt=0, le=5000, description="a drain ends after this and the rest waits for the next"
    )
    # twice as long with a maintenance window that is waited for, within the three hours of its task
    poll_seconds: float = Field(default=2, gt=0, description="between two looks at a task that is being processed")
    poll_in_drain_seconds: float = Field(default=30, ge=0, description="how long a drain waits for tasks at its end")
    max_reply_bytes: int = Field(default=5 * 1024 * 1024, ge=1024)
    retry: RetryPolicy = RetryPolicy()
    circuit: Circuit = Circuit()
    maintenance: list[Window] = Field(
        default_factory=list, description="nothing is called meanwhile; a drain that begins in one waits for its end"
    )
    role: Literal["city", "province", "nation", "other"] = "other"

    @model_validator(mode="after")
    def _lease_is_long_enough(self) -> Platform:
        if self.lease_seconds < self.total_timeout:
            raise ValueError("lease_seconds 不能短于 total_timeout，否则两个进程可能同时发送；请更正")
        return self
