"""The form that asks what to drive, and turns the answers into a `RunConfig`."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.choices import WEATHERS, DriverOption, RouteChoice, driver_options, policy_choices, route_choices
from app.config import EMBEDDED_TOWN, RunConfig, town_names
from app.gui import theme
from app.gui.parts import Card, button, framed, label
from cockpit.config import ConfigError
from cockpit.rig import rig_names

ROLE = Qt.ItemDataRole.UserRole
EMBEDDED, SERVER = "Embedded simulator", "CARLA server"
LEAST_CHARACTERS = 6
FIELD_HEIGHT = 30


class SetupPanel(QWidget):
    """Everything that is chosen before a drive; starts with what `config` says."""

    changed = pyqtSignal()
    """Town, route or seed changed: the map's preview is out of date."""

    def __init__(self, config: RunConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config = config
        self._extra_routes: tuple[Path, ...] = () if config.route_file is None else (config.route_file,)
        self.rig = _combo()
        self.world = _combo()
        self.address = QLineEdit(f"{config.host or '127.0.0.1'}:{config.port}")
        self.town = _combo()
        self.town.setEditable(True)
        self.route = _combo()
        self.seed = _spin(config.seed, 0, 2**31 - 1)
        self.policy = _combo()
        self.driver = _combo()
        self.weather = _combo()
        self.traffic = _spin(config.traffic, 0, 200)
        self.record = QCheckBox("Record takeovers")
        self.record.setChecked(config.record)
        self.driver_note = label("", "dim", wraps=True)
        self._build()
        self._fill()
        self._connect()

    def config(self) -> RunConfig:
        """The settings as the form stands.

        Raises:
            ConfigError: something that was typed makes no sense.
        """
        host, port = self._server()
        route: RouteChoice = self.route.currentData(ROLE)
        option: DriverOption = self.driver.currentData(ROLE)
        chosen = {
            "rig": self.rig.currentData(ROLE),
            "host": host,
            "port": port,
            "town": self._town_name(),
            "route_file": route.file,
            "route_id": route.route_id,
            "seed": self.seed.value(),
            "policy": self.policy.currentData(ROLE) or self._config.policy,
            "driver": option.driver,
            "device": option.device,
            "weather": self.weather.currentText(),
            "traffic": self.traffic.value(),
            "record": self.record.isChecked(),
        }
        return RunConfig.model_validate(self._config.model_dump() | chosen)

    def is_embedded(self) -> bool:
        """Whether the embedded simulator is to be started."""
        return self.world.currentText() == EMBEDDED

    def set_running(self, is_running: bool) -> None:
        """While a drive is on, nothing can be chosen."""
        self.setEnabled(not is_running)

    def refresh(self) -> None:
        """Look again for policies and devices; keeps what was chosen where it is still there."""
        self._fill_policies(self.policy.currentData(ROLE))
        self._fill_drivers(self.driver.currentData(ROLE))

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(
            self._group("World", ("Simulator", self.world), ("Server", self.address), ("Town", self.town), *self._sky())
        )
        browse, refresh = button("Open…"), button("Refresh")
        browse.setToolTip("Open a route file (CARLA leaderboard XML)")
        refresh.setToolTip("Look again for input devices and policies")
        browse.clicked.connect(self._open_routes)
        refresh.clicked.connect(self.refresh)
        column.addWidget(self._group("Route", ("Route", _beside(self.route, browse)), ("Seed", self.seed)))
        drive = self._group(
            "Who drives", ("Policy", self.policy), ("Driver", _beside(self.driver, refresh)), ("Screens", self.rig)
        )
        drive.body.addWidget(self.driver_note)
        drive.body.addWidget(self.record)
        column.addWidget(drive)
        column.addStretch()

    def _sky(self) -> tuple[tuple[str, QWidget], ...]:
        return ("Weather", self.weather), ("Traffic", self.traffic)

    def _group(self, heading: str, *rows: tuple[str, QWidget]) -> Card:
        card = Card(heading)
        form = QFormLayout()
        form.setHorizontalSpacing(theme.GAP)
        form.setVerticalSpacing(7)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in rows:
            caption = label(name, "dim")
            caption.setMinimumSize(58, FIELD_HEIGHT)
            form.addRow(caption, field)
        card.body.addLayout(form)
        return card

    def _fill(self) -> None:
        shipped = rig_names()
        own = () if self._config.rig in shipped else (self._config.rig,)
        for name in (*shipped, *own):
            self.rig.addItem(_words(Path(name).stem), name)
        self.rig.setCurrentIndex(self.rig.findData(self._config.rig, ROLE))
        self.world.addItems([EMBEDDED, SERVER])
        self.world.setCurrentText(EMBEDDED if self._config.host is None else SERVER)
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
            edit.setPlaceholderText("OpenDRIVE file" if self.is_embedded() else "as the server has it")

    def _fill_routes(self) -> None:
        self.route.clear()
        wanted = 0
        for choice in route_choices(self._extra_routes):
            is_asked_for = choice.file is not None and choice.file == self._config.route_file
            if is_asked_for and self._config.route_id in (None, choice.route_id) and not wanted:
                wanted = self.route.count()
            self.route.addItem(choice.label, choice)
        self.route.setCurrentIndex(wanted)

    def _fill_policies(self, wanted: Path | None) -> None:
        self.policy.clear()
        found = policy_choices(self._config.out)
        asked: list[Path] = [] if wanted is None or wanted in found else [wanted]
        for folder in (*asked, *found):
            is_there = folder in found or folder.is_dir()
            self.policy.addItem(_policy_label(folder) + ("" if is_there else "  (missing)"), folder)
            self.policy.setItemData(self.policy.count() - 1, str(folder), Qt.ItemDataRole.ToolTipRole)
        self.policy.setCurrentIndex(max(0, self.policy.findData(wanted, ROLE)))

    def _fill_drivers(self, wanted: DriverOption | None) -> None:
        options = driver_options()
        self.driver.clear()
        for option in options:
            self.driver.addItem(option.label, option)
        asked = wanted.driver if wanted else self._config.driver
        device = wanted.device if wanted else self._config.device
        fits = [i for i, option in enumerate(options) if option.driver is asked and device in (None, option.device)]
        self.driver.setCurrentIndex(fits[0] if fits else 0)  # 'auto': the first is a usable wheel, else the keyboard

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
        name, _ = QFileDialog.getOpenFileName(self, "Open a route file", "", "Routes (*.xml)")
        if name:
            self._extra_routes = tuple(dict.fromkeys((*self._extra_routes, Path(name))))
            self._fill_routes()
            added = [i for i in range(self.route.count()) if self.route.itemData(i, ROLE).file == Path(name)]
            self.route.setCurrentIndex(added[0] if added else 0)

    def _server(self) -> tuple[str | None, int]:
        if self.is_embedded():
            return None, self._config.port
        host, _, port = self.address.text().strip().partition(":")
        if not host or not (port or "2000").isdigit() or not 1 <= int(port or 2000) <= 65534:
            raise ConfigError(f"'{self.address.text()}' is no server's address; write e.g. 127.0.0.1:2000")
        return host, int(port or 2000)

    def _town_name(self) -> str | None:
        return self.town.currentText().strip() or None


def _combo() -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(LEAST_CHARACTERS)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def _spin(value: int, low: int, high: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(low, high)
    made.setValue(value)
    return made


def _beside(field: QWidget, push: QPushButton) -> QWidget:
    row = QHBoxLayout()
    row.setSpacing(6)
    row.addWidget(field, stretch=1)
    row.addWidget(push)
    return framed(row)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _policy_label(folder: Path) -> str:
    """The folder's name; for one that a round made also the round's."""
    shipped = folder.parent.name == "policies"
    return f"{folder.name} (shipped)" if shipped else f"{folder.parent.name}/{folder.name}"


def _advice(option: DriverOption) -> str:
    if option.message:
        return option.message
    if option.driver.value == "keyboard":
        return "W A S D or arrows drive, space brakes hard, T takes over, H hands back."
    if option.driver.value == "expert":
        return "A privileged driver watches and takes over by itself."
    if option.driver.value == "none":
        return "A takeover request that nobody answers ends in a safe stop."
    return ""
