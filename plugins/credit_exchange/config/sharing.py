"""Sharing rules: which platform may get which record, and in which form. Files `include/sharing/*.yml`.

With no rule that releases a record to a platform, the platform gets nothing of it.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from credit_exchange.config.base import Model
from credit_exchange.config.catalog import Condition

SharingEffect = Literal["release", "mask", "drop_field", "withhold", "hold"]
MaskKind = Literal["person_name", "id_number", "free_text"]


class SharingRule(Model):
    """One rule. Where several match, the strictest wins: withhold, hold, (drop, mask) release.

    `fallback` marks a withhold that only explains why nothing was released; it never beats a release.
    Conditions may name catalogue fields and the derived attributes `_subject_kind`, `_severity`, `_minor` ("1"/"0"),
    `_decided_on`.
    """

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_-]{1,40}$")
    version: int = Field(default=1, ge=1)
    name: str
    legal_basis: str = Field(min_length=2)
    datasets: list[str] = Field(min_length=1, description="data sets; '*' for all")
    platforms: list[str] = Field(min_length=1, description="platforms; '*' for all")
    match: list[Condition] = Field(default_factory=list, description="all must hold")
    effect: SharingEffect
    fields: list[str] = Field(default_factory=list, description="for mask and drop_field")
    mask: MaskKind | None = None
    fallback: bool = False
    valid_from: date
    valid_to: date | None = Field(default=None, description="last day in force")

    @model_validator(mode="after")
    def _complete(self) -> SharingRule:
        if (self.effect in ("mask", "drop_field")) != bool(self.fields):
            raise ValueError("fields 只用于 effect 为 mask 或 drop_field 的规则，且必须写；请补上或删去")
        if (self.effect == "mask") != (self.mask is not None):
            raise ValueError("mask 只用于 effect 为 mask 的规则，且必须写（person_name、id_number、free_text）；请更正")
        if self.fallback and self.effect != "withhold":
            raise ValueError("只有 effect 为 withhold 的规则可以是 fallback；请更正")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to 早于 valid_from，规则永不生效；请更正其一")
        return self

    def in_force(self, day: date) -> bool:
        """Whether the rule is valid on this day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class SharingFile(Model):
    """A file of sharing rules."""

    rules: list[SharingRule] = Field(min_length=1)
