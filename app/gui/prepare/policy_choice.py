"""The kinds of policies that can be opened in the form, what each is called, and what each needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QInputDialog, QLineEdit, QMenu, QPushButton, QWidget

from app.gui.common.parts import button
from app.gui.common.texts import say
from policy.agents.source import AgentError, agent_file, agent_source, is_agent
from policy.egodriver.address import EgodriverError, egodriver_address, is_egodriver
from policy.vla.checkpoint import CheckpointError, is_hub_name, settings_of

LIBRARY = "carla_driver_interface"


def policy_label(policy: Path) -> str:
    """The folder's name; for one that a round made also the round's. Agents and servers are named as such."""
    if is_agent(policy):
        return say("setup.agent", name=agent_file(policy).stem)
    if is_egodriver(policy):
        return say("setup.egodriver", name=egodriver_address(policy).name)
    shipped = policy.parent.name == "policies"
    return say("setup.shipped", name=policy.name) if shipped else f"{policy.parent.name}/{policy.name}"


def policy_note(policy: Path | None) -> str:
    """What a policy needs, or why it cannot drive and what to do; empty for none."""
    if policy is None:
        return ""
    try:
        if is_agent(policy):
            return say("setup.agent_needs", file=str(agent_source(policy).file))
        if is_egodriver(policy):
            address = egodriver_address(policy)
            is_there = importlib.util.find_spec(LIBRARY) is not None
            return say("setup.server_needs" if is_there else "setup.server_lacks", address=address.name)
        settings = settings_of(policy)
    except (CheckpointError, AgentError, EgodriverError) as error:
        return str(error)
    cameras = ", ".join(f"{name} {one.width}x{one.height}" for name, one in settings.cameras.items())
    thinks = say("setup.policy_thinks", tokens=settings.reasoning_tokens) if settings.reasoning_tokens else ""
    return say("setup.policy_is", dialect=settings.dialect.value, cameras=cameras) + thinks


def open_menu(parent: QWidget, on_policy: Callable[[Path], None], on_agent: Callable[[], None]) -> QPushButton:
    """The button that opens policies of every kind; `on_policy` gets a folder, a hub's name or a server."""
    made = button(say("setup.open"))
    made.setToolTip(say("setup.policy_tip"))
    menu = QMenu(made)

    def ask_folder() -> None:
        name = QFileDialog.getExistingDirectory(parent, say("setup.open_folder"))
        if name:
            on_policy(Path(name))

    def ask_text(title: str, hint: str) -> None:
        text, is_given = QInputDialog.getText(parent, title, hint, QLineEdit.EchoMode.Normal, "")
        if is_given and text.strip():
            on_policy(Path(text.strip()))

    for key, act in (
        ("open_folder", ask_folder),
        ("open_agent", on_agent),
        ("open_server", lambda: ask_text(say("setup.open_server"), say("setup.server_hint"))),
        ("open_hub", lambda: ask_text(say("setup.open_hub"), say("setup.hub_hint"))),
    ):
        action = menu.addAction(say(f"setup.{key}") + "…")
        if action is not None:
            action.triggered.connect(act)
            action.setToolTip(say(f"setup.{key}_tip"))
    menu.setToolTipsVisible(True)
    made.setMenu(menu)
    return made


def can_be_chosen(policy: Path) -> str:
    """Why something that was opened is no policy to choose; empty when it is one."""
    try:
        if is_egodriver(policy):
            egodriver_address(policy)
        elif is_hub_name(policy) or not is_agent(policy):
            settings_of(policy)
    except (CheckpointError, EgodriverError) as error:
        return str(error)
    return ""
