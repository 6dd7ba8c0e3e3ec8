"""The one outbound door: every HTTP call that leaves this server goes through `OutboundDoor`."""

from rhesis_app.infra.http.addresses import AllowList, AllowListError
from rhesis_app.infra.http.answers import classify, failure_of, retry_after_s
from rhesis_app.infra.http.door import OutboundDoor, check_url

__all__ = ["AllowList", "AllowListError", "OutboundDoor", "check_url", "classify", "failure_of", "retry_after_s"]
