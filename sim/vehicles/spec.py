"""What a vehicle is: its masses, tyres, brakes and drivetrain, as the motion model needs them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from sim.vehicles.drivetrain import Drivetrain

TRACK_SHARE = 0.84
"""Distance between the wheels of an axle as a share of the vehicle's width."""


@dataclass(frozen=True)
class VehicleSpec:
    """What a vehicle is; the defaults are a compact car with front-wheel drive (10.5 s to 100 km/h, 40 m to rest)."""

    mass_kg: float = 1400.0
    length_m: float = 4.4
    width_m: float = 1.85
    height_m: float = 1.5
    wheelbase_m: float = 2.65
    cg_to_front_m: float = 1.15
    cg_height_m: float = 0.55
    yaw_inertia_kgm2: float = 2100.0
    max_steer_rad: float = 0.61
    steer_rate_radps: float = 1.2
    front_stiffness_npr: float = 95_000.0
    """Cornering stiffness of the whole front axle under its static load."""
    rear_stiffness_npr: float = 115_000.0
    front_roll_share: float = 0.55
    """The share of the load shifted sideways that the front axle takes: its share of the roll stiffness."""
    friction: float = 1.0
    """Tyre-road friction coefficient on a dry road."""
    wheel_radius_m: float = 0.33
    wheel_inertia_kgm2: float = 1.2
    front_drive_share: float = 1.0
    """1 front-wheel drive, 0 rear-wheel drive, 0.5 both."""
    max_reverse_mps: float = 10.0
    max_brake_mps2: float = 10.5
    has_assistance: bool = True
    """Anti-lock brakes, brake force by load, traction control. Without them, wheels lock and spin."""
    front_brake_share: float = 0.75
    """The front axle's share of the brakes of a vehicle without assistance."""
    rolling_resistance: float = 0.012
    drag_area_m2: float = 0.65
    """Drag coefficient times frontal area."""
    pitch_per_mps2: float = 0.006
    """Suspension: radians of pitch for each m/s² of acceleration."""
    roll_per_mps2: float = 0.008
    leans: bool = False
    """Two-wheelers lean into bends instead of shifting load sideways."""
    drivetrain: Drivetrain = field(default_factory=Drivetrain)

    def __post_init__(self) -> None:
        for name in ("mass_kg", "length_m", "width_m", "wheelbase_m", "yaw_inertia_kgm2", "friction", "wheel_radius_m"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, it is {getattr(self, name)}")
        if not 0.0 < self.cg_to_front_m < self.wheelbase_m:
            raise ValueError(
                f"cg_to_front_m must lie between 0 and wheelbase_m ({self.wheelbase_m}), it is {self.cg_to_front_m}"
            )

    @property
    def track_m(self) -> float:
        """Distance between the wheels of an axle."""
        return TRACK_SHARE * self.width_m


NUMBERS = tuple(f.name for f in fields(VehicleSpec) if f.name != "drivetrain")
"""The fields that are one number for each vehicle."""
