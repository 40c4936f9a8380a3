"""What of a hook is shown once: its address, secret and keys, and the message to paste, each with a button to copy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench_apps import parts
from workbench_apps.doing import Doing
from workbench_apps.fields import button
from workbench_apps.outcomes import outcomes_html
from workbench_apps.parts import ui
from workbench_apps.signal_reads import drives_of
from workbench_apps.theme import clock, escape

if TYPE_CHECKING:
    from workbench_apps.page import Page

_LOOK = {"background": "#fff", "border": "1px solid #e3c37c", "border-radius": "10px", "padding": "10px 16px"}
_COPY = """
const plain = html => new DOMParser().parseFromString(html, 'text/html').documentElement.textContent
const text = plain(plain(shown.text)).trim()
const told = done => {
  source.label = done ? 'Copied ✓' : 'Select it instead'
  setTimeout(() => { source.label = name }, 2000)
}
const byHand = () => {
  const area = document.createElement('textarea')
  area.value = text; area.style.position = 'fixed'; area.style.opacity = 0
  document.body.appendChild(area); area.select()
  let done = false
  try { done = document.execCommand('copy') } catch (_) { }
  area.remove(); told(done)
}
if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => told(true), byHand)
else byHand()
"""


class HookOnce:
    """Shows what a hook's maker gave back, until it is pasted; then nothing of it is left on the page."""

    def __init__(self, page: Page, closed: Callable[[], None]) -> None:
        self._page, self._closed, self._doing = page, closed, Doing(page)
        self._texts: list[Any] = []
        self.layout = ui.Column(sizing_mode="stretch_width", margin=0, visible=False)

    def show(self, found: Mapping[str, Any], step: str = "") -> None:
        """Show it."""
        name = str(found["name"])
        mark = f'<span class="step">{escape(step)}</span>' if step else ""
        told = "This is shown once: nobody can show it again. A lost address is replaced by rotating the hook."
        if "old_until" in found:
            told += f" The address before works until {clock(found['old_until'])}; a secret stays as it is."
        self._texts = []
        pieces: list[Any] = [
            parts.html(f"<h2>{mark}Paste it: hook {escape(name)} for {escape(drives_of(found))}</h2>", margin=0),
            parts.html(parts.alert("warn", "Keep it now.", told)),
            *self._piece("Address", "address", str(found["url"]), "Paste it where the sender asks for a webhook URL."),
        ]
        if "secret" in found:
            note = "The message to paste holds it already." if found["template"] else "Part of every message."
            pieces += self._piece("Secret", "secret", str(found["secret"]), note)
        for key, words in (("signed_key", "Key for signing"), ("sealed_key", "Key for encrypting")):
            if key in found:
                pieces += self._piece(f"{words} (hex)", words.lower(), str(found[key]), "For the program that sends.")
        if found["template"]:
            template = found["template"]
            text = template if isinstance(template, str) else json.dumps(template, indent=2, ensure_ascii=False)
            pieces += self._piece(
                "Message to paste", "message", text, "Paste it into the alert's message field, as it is."
            )
        else:
            note = f"{found['format']} sends a message of its own: paste the address alone."
            pieces.append(parts.html(parts.alert("muted", "No message to paste.", note)))
        notes = list(found.get("notes", ()))
        if notes:
            pieces.append(parts.html(parts.alert("warn", "Before it trades:", "", notes)))
        desk = self._page.bench.trading.by_signal
        test = button(
            "Send a test", "default", lambda: self._doing.do(lambda: lambda: desk.test_hook(name), self._told)
        )
        pasted = button("I have pasted it", "primary", self.clear)
        pieces += [parts.flow(pasted, test, gap="8px"), self._doing.outcome]
        self._doing.say()
        self.layout[:] = [
            ui.Column(*pieces, styles=_LOOK, sizing_mode="stretch_width", margin=(4, 0), css_classes=["hook-once"])
        ]
        self.layout.visible = True

    def clear(self) -> None:
        """Take it away; the browser keeps removed parts for a while, so each is emptied first."""
        for pane in self._texts:
            pane.object = ""
        self._texts = []
        self._doing.say()
        self.layout[:] = []
        self.layout.visible = False
        self._closed()

    def _told(self, found: Mapping[str, Any]) -> None:
        self._doing.say(outcomes_html(found))

    def _piece(self, title: str, what: str, text: str, note: str) -> list[Any]:
        """A text that is selected whole by one click, and a button that copies it."""
        shown = parts.html(f'<pre class="once">{escape(text)}</pre>', margin=0)
        self._texts.append(shown)
        copy = ui.widgets.Button(name=f"Copy the {what}", margin=0)
        copy.js_on_click(args={"shown": shown, "name": copy.name}, code=_COPY)
        head = parts.html(f'<h4>{escape(title)}</h4><p class="muted small">{escape(note)}</p>', margin=0)
        head.sizing_mode, head.styles = None, {"flex": "1 1 200px"}
        return [parts.flow(head, copy, gap="0 8px", align_items="flex-end", margin=(6, 0, 0, 0)), shown]
