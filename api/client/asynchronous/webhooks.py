"""Webhooks: addresses that get a signed message when a search ends."""

from __future__ import annotations

from api.client.asynchronous.connection import Connection
from api.webhooks.schemas import Messages, MessageView, NewWebhook, WebhookList, WebhookView


class Webhooks(Connection):
    """The methods for webhooks. Where API keys exist, they need one with the scope `admin`."""

    async def create_webhook(self, url: str, *, put_off_after: int | None = None) -> NewWebhook:
        """Send a signed message to an address whenever a search ends; the secret of the signatures is shown this once.

        Args:
            url: the address, which begins with https://.
            put_off_after: number of times in a row that a search was put off of which the address hears, too.
        """
        return await self._post("/v1/webhooks", NewWebhook, {"url": url, "put_off_after": put_off_after})

    async def webhooks(self) -> list[WebhookView]:
        """Return all webhooks, oldest first, without their secrets."""
        found = await self._get("/v1/webhooks", WebhookList)
        return found.webhooks

    async def messages(self, webhook_id: str) -> list[MessageView]:
        """Return the latest 100 messages of a webhook, newest first, and what became of them."""
        found = await self._get(f"/v1/webhooks/{webhook_id}/messages", Messages)
        return found.messages

    async def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook with the messages that wait."""
        await self._send("DELETE", f"/v1/webhooks/{webhook_id}")
