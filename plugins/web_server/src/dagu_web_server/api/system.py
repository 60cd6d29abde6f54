"""The server itself: what is installed, how it is, what was spent."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from dagu_web_server.api import models
from dagu_web_server.api.runs import Seconds, TheParts

router = APIRouter(tags=["system"])


@router.get("/plugins", operation_id="listPlugins", response_model=list[models.Plugin])
def list_plugins(parts: TheParts) -> Any:
    """The plugins, also those that are not used, with the reason."""
    return parts.context.plugins()


@router.get("/runtimes", operation_id="listRuntimes", response_model=list[models.Runtime])
def list_runtimes(parts: TheParts) -> Any:
    """The container runtimes, each asked how it is."""
    return parts.context.runtimes()


@router.get("/workers", operation_id="listWorkers", response_model=list[models.Worker])
def list_workers(parts: TheParts) -> Any:
    """The workers, where machines share a database."""
    return parts.context.workers()


@router.get("/scheduler", operation_id="readScheduler", response_model=models.Scheduler)
def read_scheduler(parts: TheParts) -> Any:
    """The scheduler, its queues, and what it does next."""
    return parts.context.scheduler()


@router.get("/usage", operation_id="listUsage", response_model=list[models.Usage])
def list_usage(parts: TheParts, since: Seconds | None = None) -> Any:
    """What agents spent, by workflow, provider and model."""
    return parts.context.usage(since)
