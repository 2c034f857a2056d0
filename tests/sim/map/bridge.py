"""OpenDRIVE of two roads that cross at two levels, for what must not mistake one for the other."""

DECK_M = 6.0
"""Height of the bridge above the road below it."""
REACH_M = 200.0


def _part(road_id: int, start: tuple[float, float], heading: float, height_m: float, link: str, lane_link: str) -> str:
    return f"""<road name="r" length="{REACH_M}" id="{road_id}" junction="-1"><link>{link}</link>
    <type s="0" type="town"><speed max="50" unit="km/h"/></type>
    <planView><geometry s="0" x="{start[0]}" y="{start[1]}" hdg="{heading}" length="{REACH_M}"><line/></geometry>
    </planView>
    <elevationProfile><elevation s="0" a="{height_m}" b="0" c="0" d="0"/></elevationProfile>
    <lanes><laneSection s="0"><center><lane id="0" type="none" level="false"/></center><right>
    <lane id="-1" type="driving" level="false"><link>{lane_link}</link>
    <width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
    </right></laneSection></lanes></road>"""


def _way(
    first_id: int, start: tuple[float, float], middle: tuple[float, float], heading: float, height_m: float
) -> str:
    on = f'<successor elementType="road" elementId="{first_id + 1}" contactPoint="start"/>'
    back = f'<predecessor elementType="road" elementId="{first_id}" contactPoint="end"/>'
    return _part(first_id, start, heading, height_m, on, '<successor id="-1"/>') + _part(
        first_id + 1, middle, heading, height_m, back, '<predecessor id="-1"/>'
    )


def crossing_at_two_levels() -> str:
    """A one-way road along +x on the ground, its lane at y = 1.75, and one along CARLA's -y across it, `DECK_M` higher,
    its lane at x = 1.75; both cross near (0, 0) and reach `REACH_M` to either side, each in two parts."""
    below = _way(1, (-REACH_M, 0.0), (0.0, 0.0), 0.0, 0.0)
    above = _way(3, (0.0, -REACH_M), (0.0, 0.0), 1.5707963267948966, DECK_M)
    return f"""<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4" name="bridge" version="1"/>
    {below}{above}</OpenDRIVE>"""
