"""The webhooks of the service. Where API keys exist, they need one with the scope `admin`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from api.web.access import require_admin
from api.web.deps import ArchiveDep, SettingsDep, problems
from api.web.problems import refuse_fault
from api.webhooks.addresses import ReceiverError, receiver, resolved
from api.webhooks.schemas import Messages, NewWebhook, WebhookList, WebhookRequest
from api.webhooks.signature import new_secret

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], dependencies=[Depends(require_admin)])

WebhookId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="id of the webhook")]


@router.post("", status_code=status.HTTP_201_CREATED, responses=problems(400, 413))
def create(body: WebhookRequest, archive: ArchiveDep, settings: SettingsDep) -> NewWebhook:
    """Send a signed message to an address whenever a search ends. The secret of the signatures is shown this once."""
    try:
        resolved(receiver(body.url, settings.webhook_hosts), settings.webhook_hosts)
    except ReceiverError as error:
        raise refuse_fault(str(error), pointer="/url") from None
    secret = new_secret()
    return NewWebhook(**asdict(archive.create_webhook(body.url, secret, body.put_off_after)), secret=secret)


@router.get("")
def webhooks(archive: ArchiveDep) -> WebhookList:
    """List all webhooks, without their secrets."""
    return WebhookList.model_validate({"webhooks": archive.webhooks()})


@router.get("/{webhook_id}/messages", responses=problems(404))
def messages(webhook_id: WebhookId, archive: ArchiveDep) -> Messages:
    """List the latest 100 messages of a webhook, and what became of them."""
    return Messages.model_validate({"messages": archive.messages(webhook_id)})


@router.delete("/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT, responses=problems(404))
def delete(webhook_id: WebhookId, archive: ArchiveDep) -> None:
    """Delete a webhook with the messages that wait."""
    archive.delete_webhook(webhook_id)
