"""The columns that validation hands to the merge: one Parquet object a batch, and a small one of identities beside it.

A module of its own, so that the merge need not import what validation needs.
"""

from __future__ import annotations

import pyarrow as pa

_TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("line_no", pa.int32()),
        *((name, _TEXT) for name in ("record_id", "agency_code", "document_no", "document_key", "subject_ref")),
        ("subject_codes", pa.list_(_TEXT)),
        *(
            (name, _TEXT)
            for name in (
                "subject_kind",
                "subject_code",
                "subject_name",
                "decided_on",
                "publish_until",
                "operation",
                "reason",
                "sequence",
                "content",
                "content_digest",
            )
        ),
    ]
)
IDENTITIES = ["line_no", "record_id", "sequence", "content_digest"]
