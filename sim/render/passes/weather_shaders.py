"""The GLSL programs of night, rain, wet roads and fog, where light is worked out at every pixel.

Dry daylight keeps the cheaper programs of `shaders`. What shines at night is in the lamp map (`lamps`), seen from
above: rgb is light on level ground, alpha that light's luminance times the height of its ground.
"""

from __future__ import annotations

from sim.render.passes.shaders import ACTOR_FRAGMENT, ACTOR_VERTEX, PAINT_VERTEX, SCENE
from sim.scene import surfaces

NAMED = ("ASPHALT", "PAVING", "SHOP", "DOOR", "OFFICE", "LAMP")
LAYERS = "".join(f"#define {name} {float(getattr(surfaces, name))}\n" for name in NAMED)
WEATHER = (
    SCENE.replace("#version 330\n", "#version 330\n" + LAYERS, 1).replace(
        "};",
        """    vec4 lamps_at;  // xy of the lamp map's corner, 1 / its side; w = puddles
    vec4 air;       // rain, cloud, how visible the sun is; w = wind
    vec4 clouds;    // rgb of lit clouds; w = how clear the sky overhead is of fog
};
uniform sampler2D lamps;
uniform sampler2D ripples;  // four tiling noises""",
        1,
    )
    + """
vec3 lamp_light(vec3 world, float upward) {
    vec2 at = (world.xy - lamps_at.xy) * lamps_at.z;
    vec2 edge = abs(at - 0.5);
    vec4 found = textureLod(lamps, at, 0.0) * (1.0 - smoothstep(0.44, 0.5, max(edge.x, edge.y)));
    float height = world.z - found.a / max(dot(found.rgb, vec3(1.0)), 1e-3);
    float reach = exp(-0.16 * max(height - 1.0, 0.0)) * smoothstep(-3.0, -1.0, height);
    return found.rgb * reach * (upward > 0.0 ? mix(0.55, 1.0, upward) : mix(0.55, 0.2, -upward));
}
float puddle_at(vec2 at, float lod) {
    float low = 0.7 * textureLod(ripples, at / 31.0, lod).r + 0.3 * textureLod(ripples, at / 9.0, lod + 1.5).g;
    float level = 0.80 - 0.42 * lamps_at.w;
    return smoothstep(level, level + 0.10, low) * step(0.02, lamps_at.w);
}
vec3 sky_at(vec3 look) {
    float up = clamp(look.z, 0.0, 1.0);
    vec3 base = mix(haze.rgb, zenith.rgb, 1.0 - exp(-4.2 * up));
    return mix(base, clouds.rgb, 0.8 * air.y * clouds.w * clamp(5.0 * up, 0.0, 1.0));
}
"""
)

STATIC_VERTEX = (
    WEATHER
    + """
in vec3 position; in vec4 colour; in vec3 normal_bytes; in uint layer; in vec2 uv; in uint thing;
out vec3 v_own; out vec3 v_light; out vec3 v_relative; out vec2 v_uv; flat out vec3 v_normal; flat out vec2 v_what;
void main() {
    v_normal = normal_of(normal_bytes);
    v_relative = position - eye.xyz;
    v_own = colour.rgb;
    v_light = lit(v_normal);
    v_uv = uv;
    v_what = vec2(float(layer), float(thing));
    gl_Position = projection * vec4(v_relative, 1.0);
}
"""
)

STATIC_FRAGMENT = (
    WEATHER
    + """
uniform sampler2DArray surfaces;
uniform vec3 pane;  // what glass mirrors
in vec3 v_own; in vec3 v_light; in vec3 v_relative; in vec2 v_uv; flat in vec3 v_normal; flat in vec2 v_what;
out vec4 f_colour;
float hash(vec3 p) {
    p = fract(p * vec3(0.1031, 0.1030, 0.0973));
    p += dot(p, p.yxz + 33.33);
    return fract((p.x + p.y) * p.z);
}
vec3 room_light(float layer, vec2 uv) {
    bool low = layer == SHOP || layer == DOOR;  // one floor high, four bays wide
    vec2 bay = uv * (low ? vec2(4.0, 1.0) : vec2(8.0));
    vec3 window = vec3(floor(bay), v_what.y + layer);
    vec2 in_bay = fract(bay);
    float dice = hash(window), kind = hash(window + 17.0);
    float share = layer == SHOP ? 0.75 : layer == OFFICE ? 0.22 : 0.34;
    vec3 tint = kind < 0.7 ? vec3(1.0, 0.72, 0.40) : kind < 0.9 ? vec3(1.0, 0.86, 0.66) : vec3(0.62, 0.76, 1.0);
    float level = (0.30 + 0.55 * hash(window + 5.0)) * step(dice, share);
    float curtain = kind < 0.5 ? 1.0 - 0.55 * smoothstep(0.10, 0.16, abs(in_bay.x - 0.5)) : 1.0;
    return tint * level * curtain * (0.65 + 0.45 * in_bay.y);
}
void main() {
    float layer = v_what.x;
    vec4 t = texture(surfaces, vec3(v_uv, layer));
    vec3 world = v_relative + eye.xyz;
    float far = length(v_relative);
    vec3 look = v_relative / max(far, 0.01);
    vec3 shone = lamp_light(world, v_normal.z);
    vec3 light = v_light + shone + headlights(v_relative) * clamp(-dot(look, v_normal), 0.12, 1.0);
    vec3 c = t.rgb * v_own * light * 1.25;
    float glass = smoothstep(0.10, 0.50, t.a);
    if (layer == LAMP) {
        c = mix(t.rgb * v_own * light, vec3(1.0, 0.93, 0.80) * 1.1, sun_at.w * step(0.02, dot(shone, vec3(1.0))));
    } else if (glass > 0.0) {
        vec3 mirrored = reflect(look, v_normal);
        vec3 outside = mix(pane, sky_at(mirrored) * 0.55, 0.35) + 0.10 * shone;
        c = mix(c, t.rgb * outside + room_light(layer, v_uv) * sun_at.w, glass);
    }
    float mirror = 0.0;  // alpha tells the streaks where the road is wet
    if (sun.w > 0.0 && v_normal.z > 0.9 && (layer == ASPHALT || layer == PAVING)) {
        float grazing = max(-look.z, 0.02);
        float lod = log2(max(far * haze.w * 12.0 / sqrt(grazing), 1.0));
        float puddle = puddle_at(world.xy, lod) * (layer == ASPHALT ? 1.0 : 0.35);
        vec2 wave = textureLod(ripples, world.xy / 2.3 + eye.w * vec2(0.31, 0.17), lod + 2.0).ba - 0.5;
        vec3 mirrored = normalize(vec3(look.xy, -look.z) + vec3(wave * (0.03 + 0.10 * air.x), 0.0));
        float fresnel = 0.03 + 0.97 * pow(1.0 - grazing, 5.0);
        float film = mix(0.42 * sun.w, 0.95, puddle);
        mirror = mix(0.7, 1.0, puddle);
        c *= 1.0 - sun.w * mix(0.40, 0.48, puddle);
        float hidden = mix(0.75, 1.0, smoothstep(0.03, 0.35, mirrored.z));  // houses stand before the lowest sky
        c = mix(c, sky_at(mirrored) * hidden, fresnel * film);
        c += sun.rgb * air.z * film * 1.6 * pow(max(dot(mirrored, sun_at.xyz), 0.0), 90.0);
    }
    f_colour = vec4(mix(haze.rgb, c, clear_at(v_relative)).bgr, mirror);
}
"""
)

PAINT_VERTEX = (
    PAINT_VERTEX.replace(SCENE, WEATHER)
    .replace("out vec4 v_colour;", "out vec4 v_colour; out vec3 v_relative;")
    .replace(
        "vec3 lamp = vec3(1.0, 0.78, 0.48) * colour.a * sun_at.w + headlights(relative);",
        "v_relative = relative;",
    )
    .replace(
        "mix(haze.rgb, colour.rgb * (lit(vec3(0.0, 0.0, 1.0)) + lamp), clear_at(relative))",
        "colour.rgb",
    )
)

PAINT_FRAGMENT = (
    WEATHER
    + """
in vec4 v_colour; in vec3 v_edge; in vec3 v_relative;
out vec4 f_colour;
void main() {
    float cover = clamp((v_edge.y - abs(v_edge.x)) / v_edge.z + 0.5, 0.0, 1.0);
    vec3 world = v_relative + eye.xyz;
    float far = length(v_relative), grazing = max(-v_relative.z / max(far, 0.01), 0.02);
    vec3 c = v_colour.rgb * (lit(vec3(0.0, 0.0, 1.0)) + lamp_light(world, 1.0) + headlights(v_relative));
    float lod = log2(max(far * haze.w * 12.0 / sqrt(grazing), 1.0));
    float drowned = sun.w * (0.25 + 0.75 * puddle_at(world.xy, lod)) * pow(1.0 - grazing, 3.0);
    f_colour = vec4(mix(haze.rgb, c, clear_at(v_relative)).bgr, v_colour.a * cover * (1.0 - drowned));
}
"""
)

ACTOR_VERTEX = ACTOR_VERTEX.replace(SCENE, WEATHER).replace(
    "(lit(n) + headlights(relative))", "(lit(n) + headlights(relative) + lamp_light(world, n.z))"
)

DRY_ACTOR_FRAGMENT = ACTOR_FRAGMENT.replace("bgr, 1.0", "bgr, 0.0")

SKY_VERTEX = (
    WEATHER
    + """
in vec3 direction;
out vec3 v_look;
void main() {
    v_look = direction;
    gl_Position = (projection * vec4(direction * 1000.0, 1.0)).xyww;
    gl_Position.z *= 0.999999;
}
"""
)

SKY_FRAGMENT = (
    WEATHER
    + """
in vec3 v_look;
out vec4 f_colour;
void main() {
    vec3 look = normalize(v_look);
    float up = clamp(look.z, 0.0, 1.0);
    vec3 c = mix(haze.rgb, zenith.rgb, 1.0 - exp(-4.2 * up));
    vec2 flat_at = look.xy / (up + 0.16);
    vec2 drift = eye.w * air.w * vec2(0.0016, 0.0009);
    float towards = max(dot(look, sun_at.xyz), 0.0);
    vec3 tint = sun.rgb / (max(sun.r, max(sun.g, sun.b)) + 1e-4);
    c += air.z * tint * (0.35 * pow(towards, 6.0) * exp(-2.5 * up) + 0.4 * pow(towards, 40.0)
                         + 0.9 * pow(towards, 700.0) + step(0.99993, towards));
    float dark = sun_at.w * (1.0 - air.y) * clouds.w;
    vec3 cell = floor(look * 130.0);
    float star = fract(sin(dot(cell, vec3(12.9898, 78.233, 37.719))) * 43758.5453);
    vec3 off = fract(look * 130.0) - 0.5;
    float twinkle = step(0.985, star) * (star - 0.98) * 28.0 * smoothstep(0.16, 0.0, dot(off, off));
    c += dark * twinkle * smoothstep(0.02, 0.3, up);
    float lod = log2(max(haze.w * 140.0 / (up + 0.10), 1.0));
    float puff = 0.55 * textureLod(ripples, flat_at * 0.09 + drift, lod - 2.0).r
               + 0.30 * textureLod(ripples, flat_at * 0.23 + drift * 1.7, lod - 1.0).g
               + 0.15 * textureLod(ripples, flat_at * 0.61 + drift * 2.3, lod).b;
    float cover = smoothstep(0.78 - 0.62 * air.y, 1.02 - 0.62 * air.y, puff) * clamp(up * 9.0, 0.0, 1.0);
    float thick = smoothstep(0.30, 0.85, puff);
    vec3 cloud = clouds.rgb * mix(1.08, 0.74, thick) + air.z * tint * 0.25 * pow(towards, 10.0);
    c = mix(c, cloud, 0.92 * cover);
    f_colour = vec4(mix(haze.rgb, c, pow(clouds.w, 0.4 / (up + 0.08))).bgr, 0.0);
}
"""
)

# A halo that grows in fog around a bright core; what has no direction (a street lamp) shines everywhere.
GLOW_VERTEX = (
    WEATHER
    + """
in vec2 corner; in vec4 at; in vec4 facing; in vec3 colour;
out vec2 v_corner; out vec4 v_glow;
void main() {
    vec3 relative = at.xyz - eye.xyz;
    float depth = max(length(relative), 0.1);
    vec4 centre = projection * vec4(relative * (1.0 - min(0.25 / depth, 0.9)), 1.0);
    float towards = dot(facing.xyz, facing.xyz) < 0.5 ? 1.0 : clamp(-dot(relative / depth, facing.xyz) * 2.5, 0.0, 1.0);
    float size = max(at.w * (1.0 + 0.35 * sun_at.w + min(ambient.w * 30.0, 1.2)), 2.4 * haze.w * depth);
    float fx = length(vec3(projection[0].x, projection[1].x, projection[2].x));
    float fy = length(vec3(projection[0].y, projection[1].y, projection[2].y));
    gl_Position = centre + vec4(corner.x * fx * size, corner.y * fy * size, 0.0, 0.0);
    v_corner = corner;
    v_glow = vec4(colour, facing.w * towards * sqrt(clear_at(relative)));
}
"""
)

GLOW_FRAGMENT = """
#version 330
in vec2 v_corner; in vec4 v_glow;
out vec4 f_colour;
void main() {
    float r2 = dot(v_corner, v_corner);
    float fall = max(1.0 - r2, 0.0);
    float core = smoothstep(0.055, 0.01, r2);
    float a = v_glow.a * fall * fall * (0.14 + 0.62 * fall * fall * fall * fall);
    vec3 c = v_glow.rgb * a + mix(v_glow.rgb, vec3(1.0), 0.45) * core * 0.7 * v_glow.a;
    f_colour = vec4(c.bgr, (0.5 * a + 0.4 * core) * v_glow.a);
}
"""

# Lamps mirrored by a wet road: streaks on the ground around the place where the mirror image is seen.
STREAK_VERTEX = (
    WEATHER
    + """
in vec2 corner; in vec4 at; in vec4 facing; in vec3 colour; in float ground;
out vec2 v_corner; out vec4 v_glow; out vec2 v_world;
void main() {
    vec3 relative = at.xyz - eye.xyz;
    float depth = max(length(relative), 0.1);
    float eye_up = max(eye.z - ground, 0.05), lamp_up = max(at.z - ground, 0.05);
    vec2 away = relative.xy;
    float reach = max(length(away), 0.1), share = eye_up / (eye_up + lamp_up);
    vec2 ahead = away / reach, aside = vec2(-ahead.y, ahead.x);
    float spread = 0.30 + 0.55 * air.x;
    float further = min(spread * share * reach, (1.0 - share) * reach * 0.9), nearer = spread * share * reach * 0.9;
    float along = corner.x > 0.0 ? further : nearer;
    float wide = 0.35 * at.w + 0.010 * share * reach;
    vec3 place = vec3(away * share + ahead * corner.x * along + aside * corner.y * wide, ground + 0.03 - eye.z);
    float towards = dot(facing.xyz, facing.xyz) < 0.5 ? 1.0 : clamp(-dot(relative / depth, facing.xyz) * 2.5, 0.0, 1.0);
    float grazing = eye_up / length(vec2(share * reach, eye_up));
    float level = smoothstep(0.2, 0.6, eye.z - ground);  // no mirror that is seen from below
    float fresnel = 0.06 + 0.94 * pow(1.0 - grazing, 4.0);
    v_corner = corner;
    v_world = place.xy + eye.xy;
    v_glow = vec4(colour, sun.w * level * fresnel * facing.w * towards * clear_at(relative) * mix(0.35, 1.0, sun_at.w));
    gl_Position = projection * vec4(place, 1.0);
}
"""
)

STREAK_FRAGMENT = (
    WEATHER
    + """
in vec2 v_corner; in vec4 v_glow; in vec2 v_world;
out vec4 f_colour;
void main() {
    float across = max(1.0 - v_corner.y * v_corner.y, 0.0), along = 1.0 - abs(v_corner.x);
    float broken = 0.55 + 0.9 * (textureLod(ripples, v_world / vec2(1.7), 2.0).b - 0.25);
    float a = v_glow.a * across * across * along * along * (3.0 - 2.0 * along) * clamp(broken, 0.2, 1.0);
    f_colour = vec4(v_glow.bgr * a, 0.0);
}
"""
)

# Falling rain on three cylinders around the eye.
RAIN_VERTEX = (
    WEATHER
    + """
in vec2 corner;
uniform vec4 tangents;   // of half the fields of view; pixels
uniform mat3 turn;       // columns: right, up, forward
out vec3 v_look; flat out float v_far;
void main() {
    v_far = gl_InstanceID == 0 ? 2.5 : gl_InstanceID == 1 ? 6.0 : 14.0;
    v_look = turn * vec3(corner.x * tangents.x, -corner.y * tangents.y, 1.0);
    vec4 at = projection * vec4(turn[2] * v_far, 1.0);
    gl_Position = vec4(corner, at.z / at.w, 1.0);
}
"""
)

RAIN_FRAGMENT = (
    WEATHER
    + """
in vec3 v_look; flat in float v_far;
out vec4 f_colour;
float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
void main() {
    float level = length(v_look.xy);
    float steep = v_look.z / level;
    float column = atan(v_look.y, v_look.x) * v_far * 9.0 + steep * v_far * air.w * 0.8;
    float id = floor(column);
    float speed = 8.5 + 2.0 * hash(vec2(id, v_far));
    float drop = (steep * v_far + eye.z + eye.w * speed) * 0.55 + 37.0 * hash(vec2(id, v_far + 3.0));
    float cell = floor(drop);
    float there = step(hash(vec2(id, cell)), 0.55 * air.x);
    float x = abs(fract(column) - 0.3 - 0.4 * hash(vec2(cell, id)));
    float thin = max(0.06, haze.w * v_far * 7.0);
    float body = smoothstep(thin, 0.0, x) * smoothstep(0.0, 0.25, fract(drop)) * smoothstep(0.62, 0.3, fract(drop));
    float a = there * body * min(0.06 / thin, 1.0) * 0.42 * smoothstep(3.0, 1.2, abs(steep));
    vec3 c = mix(ambient.rgb * 0.9 + 0.1, vec3(1.0, 0.9, 0.75) * 0.5, 0.5 * sun_at.w);
    f_colour = vec4(c.bgr, a * mix(1.0, 0.5, sun_at.w));
}
"""
)

# The lamp map, seen from above.
LAMP_VERTEX = """
#version 330
uniform vec4 window;  // xy corner, 1 / side
in vec2 corner; in vec4 at; in vec4 shape; in vec3 colour;
// at: x, y, ground, length; shape: direction, half width, 1 for a beam and 0 for a pool
out vec2 v_corner; out vec4 v_light; flat out float v_beam;
void main() {
    vec2 aside = vec2(-shape.y, shape.x);
    float along = shape.w > 0.5 ? 0.5 + 0.5 * corner.x : corner.x;
    vec2 place = at.xy + shape.xy * along * at.w + aside * corner.y * shape.z;
    v_corner = vec2(along, corner.y);
    v_light = vec4(colour, dot(colour, vec3(1.0)) * at.z);
    v_beam = shape.w;
    gl_Position = vec4((place - window.xy) * window.z * 2.0 - 1.0, 0.0, 1.0);
}
"""

LAMP_FRAGMENT = """
#version 330
in vec2 v_corner; in vec4 v_light; flat in float v_beam;
out vec4 f_light;
void main() {
    float r2 = dot(v_corner, v_corner);
    float pool = pow(1.0 + 5.0 * r2, -1.5) * smoothstep(1.0, 0.55, r2);
    float u = v_corner.x, v = v_corner.y / (0.16 + 0.84 * u);
    float beam = smoothstep(0.0, 0.10, u) * pow(max(1.0 - u, 0.0), 1.4) * exp(-3.2 * v * v);
    beam *= smoothstep(1.0, 0.7, abs(v_corner.y));
    f_light = v_light * (v_beam > 0.5 ? beam : pool);
}
"""
