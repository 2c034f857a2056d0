"""OpenDRIVE of small roads for worked examples."""

import carla


def straight_road(
    length_m: float = 2000.0, limit_kmh: float = 50.0, lanes: int = 1, light_at_m: float = 0.0
) -> carla.Map:
    """A straight one-way road along +x, its lanes 3.5 m wide at y = 1.75, 5.25, ...; a light where one is asked for."""
    lane = """<lane id="-{k}" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>
        <roadMark sOffset="0" type="broken" weight="standard" color="standard" width="0.13"
        laneChange="both"/></lane>"""
    return carla.Map(
        "straight",
        f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="straight" version="1"/>
    <road name="a" length="{length_m}" id="1" junction="-1">
      <type s="0" type="town"><speed max="{limit_kmh}" unit="km/h"/></type>
      <planView><geometry s="0" x="0" y="0" hdg="0" length="{length_m}"><line/></geometry></planView>
      <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
      <right>{"".join(lane.format(k=k + 1) for k in range(lanes))}</right></laneSection></lanes>{_light(light_at_m)}
    </road></OpenDRIVE>""",
    )


def two_way_road(length_m: float = 600.0, limit_kmh: float = 50.0, light_at_m: float = 0.0) -> carla.Map:
    """A straight road along +x with one lane each way: lane 0 at y = 1.75 along it, lane 1 at y = -1.75 back."""
    lane = """<lane id="{k}" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>
        <roadMark sOffset="0" type="solid" weight="standard" color="standard" width="0.13" laneChange="none"/></lane>"""
    return carla.Map(
        "two_way",
        f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="two_way" version="1"/>
    <road name="a" length="{length_m}" id="1" junction="-1">
      <type s="0" type="town"><speed max="{limit_kmh}" unit="km/h"/></type>
      <planView><geometry s="0" x="0" y="0" hdg="0" length="{length_m}"><line/></geometry></planView>
      <lanes><laneSection s="0"><left>{lane.format(k=1)}</left>
      <center><lane id="0" type="none" level="false"/></center>
      <right>{lane.format(k=-1)}</right></laneSection></lanes>{_light(light_at_m)}
    </road></OpenDRIVE>""",
    )


def _light(at_m: float) -> str:
    """The signals of a road with a light there; none for 0."""
    if not at_m:
        return ""
    return f"""<signals><signal s="{at_m}" t="-5" id="1" name="light" dynamic="yes" orientation="+" zOffset="3"
        country="OpenDRIVE" type="1000001" subtype="-1" value="-1" hOffset="0" pitch="0" roll="0" height="1" width="1"/>
        </signals>"""


def two_part_road(
    part_m: float = 1000.0,
    limit_kmh: float = 50.0,
    lanes: int = 3,
    light_at_m: float = 0.0,
    second_kmh: float | None = None,
) -> str:
    """OpenDRIVE of a straight road as above that is two roads long: CARLA has no topology for a single one.

    The second road may have another speed limit.
    """
    limits_kmh = {1: limit_kmh, 2: limit_kmh if second_kmh is None else second_kmh}

    def part(road_id: int, x: float, link: str, lane_link: str, more: str = "") -> str:
        lane = """<lane id="-{k}" type="driving" level="false"><link>{link}</link>
            <width sOffset="0" a="3.5" b="0" c="0" d="0"/>
            <roadMark sOffset="0" type="broken" weight="standard" color="standard" width="0.13" laneChange="both"/>
            </lane>"""
        right = "".join(lane.format(k=k + 1, link=lane_link.format(k=k + 1)) for k in range(lanes))
        return f"""<road name="a" length="{part_m}" id="{road_id}" junction="-1"><link>{link}</link>
        <type s="0" type="town"><speed max="{limits_kmh[road_id]}" unit="km/h"/></type>
        <planView><geometry s="0" x="{x}" y="0" hdg="0" length="{part_m}"><line/></geometry></planView>
        <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
        <right>{right}</right></laneSection></lanes>{more}</road>"""

    on = '<successor elementType="road" elementId="2" contactPoint="start"/>'
    back = '<predecessor elementType="road" elementId="1" contactPoint="end"/>'
    return f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="straight" version="1"/>
    {part(1, 0.0, on, '<successor id="-{k}"/>', _light(light_at_m))}
    {part(2, part_m, back, '<predecessor id="-{k}"/>')}</OpenDRIVE>"""


def two_levels(half_m: float = 100.0, height_m: float = 6.0, limit_kmh: float = 50.0, light: bool = False) -> str:
    """OpenDRIVE of a road along +x (y = 1.75) and a bridge of a given height over it, which leads to -y at x = 1.75.

    Each is two roads long, one lane wide and one-way; they cross at the end of the first half. With `light`, the bridge
    has one right above the lower lane.
    """

    def part(road_id: int, x: float, y: float, is_bridge: bool, is_first: bool) -> str:
        other = road_id + 1 if is_first else road_id - 1
        kind, end = ("successor", "start") if is_first else ("predecessor", "end")
        signals = _light(half_m - 0.5) if light and is_bridge and is_first else ""
        return f"""<road name="a" length="{half_m}" id="{road_id}" junction="-1">
        <link><{kind} elementType="road" elementId="{other}" contactPoint="{end}"/></link>
        <type s="0" type="town"><speed max="{limit_kmh + 50.0 * is_bridge}" unit="km/h"/></type>
        <planView><geometry s="0" x="{x}" y="{y}" hdg="{1.5707963267948966 if is_bridge else 0.0}" length="{half_m}">
        <line/></geometry></planView>
        <elevationProfile><elevation s="0" a="{height_m * is_bridge}" b="0" c="0" d="0"/></elevationProfile>
        <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
        <right><lane id="-1" type="driving" level="false"><link><{kind} id="-1"/></link>
        <width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right></laneSection></lanes>{signals}</road>"""

    return f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="levels" version="1"/>
    {part(1, -half_m, 0.0, False, True)}{part(2, 0.0, 0.0, False, False)}
    {part(3, 0.0, -half_m, True, True)}{part(4, 0.0, 0.0, True, False)}</OpenDRIVE>"""


def two_decks(part_m: float = 150.0, slope: float = 0.06) -> str:
    """OpenDRIVE of a road along +x (y = 1.75) that parts into two: one goes on level, one climbs right above it."""

    def part(road_id: int, x: float, link: str, lane_link: str, climbs: float = 0.0, junction: int = -1) -> str:
        return f"""<road name="a" length="{part_m}" id="{road_id}" junction="{junction}"><link>{link}</link>
        <type s="0" type="town"><speed max="50" unit="km/h"/></type>
        <planView><geometry s="0" x="{x}" y="0" hdg="0" length="{part_m}"><line/></geometry></planView>
        <elevationProfile><elevation s="0" a="0" b="{climbs}" c="0" d="0"/></elevationProfile>
        <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center>
        <right><lane id="-1" type="driving" level="false"><link>{lane_link}</link>
        <width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right></laneSection></lanes></road>"""

    onto = '<successor elementType="junction" elementId="9"/>'
    back = '<predecessor elementType="road" elementId="1" contactPoint="end"/>'
    lane = '<predecessor id="-1"/>'
    ways = "".join(
        f"""<connection id="{k}" incomingRoad="1" connectingRoad="{k}" contactPoint="start">
        <laneLink from="-1" to="-1"/></connection>"""
        for k in (2, 3)
    )
    return f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="decks" version="1"/>
    {part(1, 0.0, onto, "")}{part(2, part_m, back, lane, 0.0, 9)}{part(3, part_m, back, lane, slope, 9)}
    <junction id="9" name="fork">{ways}</junction></OpenDRIVE>"""
