"""The drive's form, and the `RunConfig` that its inputs make."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.config import EMBEDDED_TOWN, DriverChoice, RunConfig, StreamIn, StreamRole, town_names
from app.gui.common import theme
from app.gui.common.choices import WEATHERS, DriverOption, RouteChoice, driver_options, policy_choices, route_choices
from app.gui.common.parts import Card, button, combo_box, form_rows, framed, label
from app.gui.common.texts import say
from app.gui.prepare.policy_choice import can_be_chosen, open_menu, policy_label, policy_note
from cockpit.config import ConfigError
from cockpit.rig.rig import rig_names
from policy.agents.source import AgentError, agent_file, agent_source, is_agent
from policy.egodriver.address import is_egodriver

ROLE = Qt.ItemDataRole.UserRole


class SetupPanel(QWidget):
    """All settings that are chosen before a drive, at first those of `config`."""

    changed = pyqtSignal()
    """Town, route or seed changed: the map's preview is out of date."""

    def __init__(self, config: RunConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config = config
        self._extra_routes: tuple[Path, ...] = () if config.route_file is None else (config.route_file,)
        self._agent_configs: dict[Path, Path | None] = {}
        """Configurations of the agents opened in this window, by their policy."""
        self._opened: tuple[Path, ...] = ()
        """Folders and servers opened in this window."""
        self._profiles: tuple[str, ...] = ()
        """The user's own device profiles: calibrated in this window, or named by the settings."""
        self.rig = combo_box()
        self.world = combo_box()
        self.address = QLineEdit(f"{config.host or '127.0.0.1'}:{config.port}")
        self.town = combo_box()
        self.town.setEditable(True)
        self.route = combo_box()
        self.seed = _spin(config.seed, 0, 2**31 - 1)
        self.policy = combo_box()
        self.driver = combo_box()
        self.weather = combo_box()
        self.traffic = _spin(config.traffic, 0, 200)
        self.record = QCheckBox(say("setup.record"))
        self.record.setChecked(config.record)
        self.streams = QLineEdit()
        self.streams.setPlaceholderText(say("streams.hint"))
        self.send = QCheckBox(say("streams.send"))
        self.driver_note = label("", "dim", wraps=True)
        self.policy_note = label("", "dim", wraps=True)
        self._build()
        self._fill()
        self._connect()

    def show_config(self, config: RunConfig) -> None:
        """Fill the form from other settings (a study that was opened)."""
        self._config = config
        self._extra_routes = tuple(dict.fromkeys((*self._extra_routes, *filter(None, (config.route_file,)))))
        self.blockSignals(True)
        self.address.setText(f"{config.host or '127.0.0.1'}:{config.port}")
        self.seed.setValue(config.seed)
        self.traffic.setValue(config.traffic)
        self.record.setChecked(config.record)
        for combo in (self.rig, self.world, self.weather):
            combo.clear()
        self._fill()
        self.blockSignals(False)
        self.changed.emit()

    def config(self) -> RunConfig:
        """The settings as the form stands.

        Raises:
            ConfigError: an input is not valid.
        """
        host, port = self._server()
        route: RouteChoice = self.route.currentData(ROLE)
        option: DriverOption = self.driver.currentData(ROLE)
        policy: Path | None = self.policy.currentData(ROLE)
        own = self._config
        chosen = {
            "rig": self.rig.currentData(ROLE),
            "host": host,
            "port": port,
            "town": self._town_name(),
            "route_file": route.file,
            "route_id": route.route_id,
            "seed": self.seed.value(),
            "policy": policy,
            "adapter": None if is_agent(policy) else own.adapter,
            "agent_config": self._agent_configs.get(policy, own.agent_config) if policy and is_agent(policy) else None,
            "agent_python": own.agent_python if is_agent(policy) else None,
            "driver": option.driver,
            "device": option.device,
            "weather": self.weather.currentText(),
            "traffic": self.traffic.value(),
            "record": self.record.isChecked(),
            "streams": {"read": self._wanted_streams(), "send": self.send.isChecked()},
        }
        return RunConfig.model_validate(self._config.model_dump() | chosen)

    def is_embedded(self) -> bool:
        """Whether the embedded simulator is to be started."""
        return self.world.currentData(ROLE) is True

    def set_running(self, is_running: bool) -> None:
        """Disable the form while a drive is on."""
        self.setEnabled(not is_running)

    def refresh(self) -> None:
        """Search again for policies and devices; keeps the present choice where it is still available."""
        self._fill_policies(self.policy.currentData(ROLE))
        self._fill_drivers(self.driver.currentData(ROLE))

    def add_agent(self, file: str, config: str | None) -> None:
        """Add a leaderboard agent and its configuration, and choose it; what is wrong with it is shown instead."""
        try:
            policy = Path(str(agent_source(file, config)))
        except AgentError as error:
            self._note(str(error))
            return
        self._agent_configs[policy] = None if config is None else Path(config)
        self._fill_policies(policy)

    def add_policy(self, policy: Path) -> None:
        """Add a folder or a server and choose it; what is wrong with it, or what to make of it, is shown instead."""
        if problem := can_be_chosen(policy):
            self._note(problem)
            return
        self._opened = tuple(dict.fromkeys((policy, *self._opened)))
        self._fill_policies(policy)

    def _note(self, text: str) -> None:
        self.policy_note.setText(text)
        self.policy_note.setVisible(bool(text))

    def use_profile(self, path: str) -> None:
        """Add a device profile of the user's own, and choose it."""
        self._profiles = tuple(dict.fromkeys((path, *self._profiles)))
        self._fill_drivers(_own_device(path))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(theme.GAP))
        column.addWidget(
            self._group(
                say("setup.world"),
                (say("setup.simulator"), self.world),
                (say("setup.server"), self.address),
                (say("setup.town"), self.town),
                (say("setup.weather"), self.weather),
                (say("setup.traffic"), self.traffic),
            )
        )
        browse, refresh = button(say("setup.open")), button(say("setup.refresh"))
        browse.setToolTip(say("setup.open_tip"))
        refresh.setToolTip(say("setup.refresh_tip"))
        opener = open_menu(self, self.add_policy, self._open_agent)
        browse.clicked.connect(self._open_routes)
        refresh.clicked.connect(self.refresh)
        route = (say("setup.route"), _beside(self.route, browse))
        column.addWidget(self._group(say("setup.route"), route, (say("setup.seed"), self.seed)))
        drive = self._group(
            say("setup.who"),
            (say("setup.policy"), _beside(self.policy, opener)),
            ("", self.policy_note),
            (say("setup.driver"), _beside(self.driver, refresh)),
            (say("setup.screens"), self.rig),
        )
        drive.body.addWidget(self.driver_note)
        drive.body.addWidget(self.record)
        column.addWidget(drive)
        streams = self._group(say("streams.heading"), (say("streams.record"), self.streams))
        streams.body.addWidget(self.send)
        column.addWidget(streams)
        column.addStretch()

    def _group(self, heading: str, *rows: tuple[str, QWidget]) -> Card:
        card = Card(heading)
        card.body.addWidget(form_rows(*rows))
        return card

    def _wanted_streams(self) -> list[StreamIn]:
        """By name or type, as typed; what the settings' file says about one of them is kept."""
        known = {stream.label: stream for stream in self._config.streams.read}
        labels = [text.strip() for text in self.streams.text().split(",") if text.strip()]
        return [known.get(text) or _stream(text) for text in labels]

    def _fill(self) -> None:
        self.streams.setText(", ".join(stream.label for stream in self._config.streams.read))
        self.send.setChecked(self._config.streams.send)
        shipped = rig_names()
        own = () if self._config.rig in shipped else (self._config.rig,)
        for name in (*shipped, *own):
            self.rig.addItem(_words(Path(name).stem), name)
        self.rig.setCurrentIndex(self.rig.findData(self._config.rig, ROLE))
        self.world.addItem(say("setup.embedded"), True)
        self.world.addItem(say("setup.carla_server"), False)
        self.world.setCurrentIndex(0 if self._config.host is None else 1)
        self.weather.addItems(dict.fromkeys((self._config.weather, *WEATHERS)))
        self._fill_towns()
        self._fill_routes()
        self._fill_policies(self._config.policy)
        self._fill_drivers(None)

    def _connect(self) -> None:
        self.world.currentTextChanged.connect(self._world_chosen)
        self.town.currentTextChanged.connect(self.changed)
        self.route.currentIndexChanged.connect(self._route_chosen)
        self.seed.valueChanged.connect(self.changed)
        self.driver.currentIndexChanged.connect(self._driver_chosen)
        self.policy.currentIndexChanged.connect(lambda _: self._note(policy_note(self.policy.currentData(ROLE))))
        self._note(policy_note(self.policy.currentData(ROLE)))
        self._driver_chosen()
        self.address.setEnabled(not self.is_embedded())

    def _fill_towns(self) -> None:
        self.town.clear()
        if self.is_embedded():
            self.town.addItems(dict.fromkeys((*town_names(), self._config.town or EMBEDDED_TOWN)))
            self.town.setCurrentText(self._config.town or EMBEDDED_TOWN)
        else:
            self.town.addItem("")
            self.town.setCurrentText(self._config.town or "")
        edit = self.town.lineEdit()
        if edit is not None:
            edit.setPlaceholderText(say("setup.town_file" if self.is_embedded() else "setup.town_server"))

    def _fill_routes(self) -> None:
        self.route.clear()
        selected = 0
        for choice in route_choices(self._extra_routes):
            is_asked_for = choice.file is not None and choice.file == self._config.route_file
            if is_asked_for and self._config.route_id in (None, choice.route_id) and not selected:
                selected = self.route.count()
            self.route.addItem(choice.label, choice)
        self.route.setCurrentIndex(selected)

    def _fill_policies(self, chosen: Path | None) -> None:
        self.policy.clear()
        found = policy_choices(self._config.out)
        missing: list[Path] = [] if chosen is None or chosen in found else [chosen]
        self.policy.addItem(say("setup.no_policy"), None)
        own = (*self._opened, *self._agent_configs)
        opened = [one for one in own if one not in missing and one not in found]
        for folder in (*missing, *opened, *found):
            is_elsewhere = is_egodriver(folder) or (is_agent(folder) and agent_file(folder).is_file())
            is_there = folder in found or folder.is_dir() or is_elsewhere
            self.policy.addItem(policy_label(folder) + ("" if is_there else say("setup.missing")), folder)
            self.policy.setItemData(self.policy.count() - 1, str(folder), Qt.ItemDataRole.ToolTipRole)
        folders = [self.policy.itemData(index, ROLE) for index in range(self.policy.count())]
        self.policy.setCurrentIndex(folders.index(chosen) if chosen in folders else 0)

    def _fill_drivers(self, chosen: DriverOption | None) -> None:
        plugged_in, asked_for = driver_options(), self._config.device
        is_known = asked_for is None or asked_for in (option.device for option in plugged_in)
        own = self._profiles if is_known or asked_for is None else tuple(dict.fromkeys((*self._profiles, asked_for)))
        options = [*(_own_device(path) for path in own), *plugged_in]
        self.driver.clear()
        for option in options:
            self.driver.addItem(option.label, option)
        driver = chosen.driver if chosen else self._config.driver
        device = chosen.device if chosen else self._config.device
        is_any = driver is DriverChoice.AUTO and device is not None
        fits = [i for i, o in enumerate(options) if (is_any or o.driver is driver) and device in (None, o.device)]
        first = min(len(own), len(options) - 1)  # 'auto': the first that is plugged in, a usable wheel or the keyboard
        self.driver.setCurrentIndex(fits[0] if fits else first)

    def _world_chosen(self) -> None:
        self.address.setEnabled(not self.is_embedded())
        self._fill_towns()
        self.changed.emit()

    def _route_chosen(self) -> None:
        choice: RouteChoice | None = self.route.currentData(ROLE)
        if choice is not None and choice.town and self.is_embedded() and choice.town in town_names():
            self.town.setCurrentText(choice.town)
        self.changed.emit()

    def _driver_chosen(self) -> None:
        option: DriverOption | None = self.driver.currentData(ROLE)
        advice = _advice(option) if option else ""
        self.driver_note.setText(advice)
        self.driver_note.setVisible(bool(advice))

    def _open_routes(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, say("setup.open_routes"), "", say("setup.route_files"))
        if name:
            self._extra_routes = tuple(dict.fromkeys((*self._extra_routes, Path(name))))
            self._fill_routes()
            added = [i for i in range(self.route.count()) if self.route.itemData(i, ROLE).file == Path(name)]
            self.route.setCurrentIndex(added[0] if added else 0)

    def _open_agent(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, say("setup.open_agent"), "", say("setup.agent_files"))
        if name:
            config, _ = QFileDialog.getOpenFileName(self, say("setup.open_agent_config"), str(Path(name).parent))
            self.add_agent(name, config or None)

    def _server(self) -> tuple[str | None, int]:
        if self.is_embedded():
            return None, self._config.port
        host, _, port = self.address.text().strip().partition(":")
        if not host or not (port or "2000").isdigit() or not 1 <= int(port or 2000) <= 65534:
            raise ConfigError(say("setup.bad_address", address=self.address.text()))
        return host, int(port or 2000)

    def _town_name(self) -> str | None:
        return self.town.currentText().strip() or None


def _spin(value: int, low: int, high: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(value)
    return made


def _beside(field: QWidget, push: QPushButton) -> QWidget:
    row = QHBoxLayout()
    row.setSpacing(theme.px(6))
    row.addWidget(field, stretch=1)
    row.addWidget(push)
    return framed(row)


def _own_device(name: str) -> DriverOption:
    """A device by its profile's file or name, or by its device file, as the settings name it."""
    return DriverOption(say("setup.own_profile", name=Path(name).stem), DriverChoice.WHEEL, name)


def _stream(text: str) -> StreamIn:
    """A stream of that type; one whose type names gaze is drawn over the screens afterwards."""
    return StreamIn(type=text, role=StreamRole.GAZE if "gaze" in text.lower() else StreamRole.RECORD)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _advice(option: DriverOption) -> str:
    if option.message:
        return option.message
    if option.driver.value == "keyboard":
        return say("setup.keyboard_advice")
    if option.driver.value == "expert":
        return say("setup.expert_advice")
    if option.driver.value == "none":
        return say("setup.nobody_advice")
    return ""
