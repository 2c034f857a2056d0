// How a vertex moves within its model (`sim.town.solids.Joint`); `sim.render.models.poses` does it for the rays.
vec2 bent(vec2 xz, float angle) {
    float c = cos(angle), s = sin(angle);
    return vec2(c * xz.x + s * xz.y, c * xz.y - s * xz.x);
}
void pose(inout vec3 p, inout vec3 n, vec3 pivot, uint joint, float steer, vec4 turns, uint flags) {
    if (joint == 0u) return;
    if (joint >= 5u && joint <= 8u) {
        if (((flags >> (DOOR_BIT + joint - 5u)) & 1u) == 0u) p = pivot;  // shut: a point
        return;
    }
    bool is_wheel = joint <= 4u, is_arm = joint >= 13u, is_left = joint <= 10u || joint == 13u;
    vec2 leg = is_left != is_arm ? turns.xy : turns.zw;  // an arm swings with the leg of the other side
    float first = is_wheel ? turns[joint - 1u] : is_arm ? ARM_SHARE * leg.x : (joint & 1u) == 0u ? leg.y : leg.x;
    vec3 at = is_wheel || is_arm || (joint & 1u) == 0u ? pivot : pivot.xzy;
    p.xz = at.xz + bent(p.xz - at.xz, first);
    n.xz = bent(n.xz, first);
    if (joint <= 2u) {
        float c = cos(steer), s = sin(steer);
        vec2 d = p.xy - pivot.xy;
        p.xy = pivot.xy + vec2(c * d.x - s * d.y, s * d.x + c * d.y);
        n.xy = vec2(c * n.x - s * n.y, s * n.x + c * n.y);
    } else if (!is_wheel && !is_arm && (joint & 1u) == 0u) {
        p.xz = pivot.xy + bent(p.xz - pivot.xy, leg.x);
        n.xz = bent(n.xz, leg.x);
    }
}
