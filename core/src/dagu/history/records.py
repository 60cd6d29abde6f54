"""The records of history, which are a part of its contract."""

from dagu.contracts.records import (
    EMPTY,
    AgentEventRecord,
    AttemptRecord,
    RunRecord,
    Status,
    StepRecord,
    UsageRecord,
    UsageSum,
)

__all__ = [
    "EMPTY",
    "AgentEventRecord",
    "AttemptRecord",
    "RunRecord",
    "Status",
    "StepRecord",
    "UsageRecord",
    "UsageSum",
]
