"""The GLSL programs. Light is worked out at vertices, so that the software rasteriser has little to do per pixel.

Colours leave as BGRA, which is what CARLA's camera images hold.
"""

from __future__ import annotations

SCENE = """
#version 330
layout(std140) uniform Scene {
    mat4 projection;
    vec4 eye;       // xyz; w = time (s)
    vec4 sun_at;    // direction towards the sun; w = night
    vec4 sun;       // rgb; w = wet
    vec4 ambient;   // rgb of the sky; w = fog per metre
    vec4 bounce;    // rgb from the ground; w = fog starts at (m)
    vec4 haze;      // rgb; w = width of a pixel at one metre
    vec4 zenith;    // rgb; w = 1 / (height over which fog thins by e)
    vec4 beam;      // where the own headlights shine; w = how strongly
};
vec3 normal_of(vec3 bytes) { return (bytes * 255.0 - 128.0) / 127.0; }
float clear_at(vec3 relative) {
    float thin = exp(-max(eye.z + 0.5 * relative.z, 0.0) * zenith.w);
    return exp(-ambient.w * thin * max(length(relative) - bounce.w, 0.0));
}
vec3 lit(vec3 n) {
    return mix(bounce.rgb, ambient.rgb, 0.5 + 0.5 * n.z) + sun.rgb * max(dot(n, sun_at.xyz), 0.0);
}
vec3 headlights(vec3 relative) {
    float far = length(relative);
    float cone = smoothstep(0.80, 0.98, dot(relative, beam.xyz) / max(far, 0.1));
    return vec3(0.95, 0.92, 0.80) * beam.w * cone * 9.0 / (9.0 + 0.020 * far * far) * 0.75;
}
"""

STATIC_VERTEX = (
    SCENE
    + """
in vec3 position; in vec4 colour; in vec3 normal_bytes; in uint layer; in vec2 uv;
out vec4 v_colour;   // rgb lit and seen through the air; a = how clear the air is
out vec3 v_surface;  // uv, layer
out vec3 v_added;    // haze, and sky mirrored by wet asphalt
void main() {
    vec3 normal = normal_of(normal_bytes);
    vec3 relative = position - eye.xyz;
    float wet = sun.w * step(0.9, normal.z) * step(float(layer), 0.5);
    vec3 lamp = vec3(1.0, 0.78, 0.48) * colour.a * sun_at.w + headlights(relative);
    float clear = clear_at(relative);
    float grazing = 1.0 - clamp(-normalize(relative).z, 0.0, 1.0);
    float sheen = wet * 0.75 * pow(grazing, 5.0);
    v_colour.rgb = colour.rgb * (1.0 - 0.38 * wet) * (lit(normal) + lamp) * 1.25 * clear * (1.0 - sheen);
    v_colour.a = clear;
    v_added = mix(haze.rgb, mix(haze.rgb, zenith.rgb, 0.35) * sheen, clear);
    v_surface = vec3(uv, float(layer));
    gl_Position = projection * vec4(relative, 1.0);
}
"""
)

STATIC_FRAGMENT = """
#version 330
uniform sampler2DArray surfaces;
uniform vec3 pane;  // what glass mirrors
uniform vec3 lamp;  // what shines through half of the glass at night
in vec4 v_colour; in vec3 v_surface; in vec3 v_added;
out vec4 f_colour;
void main() {
    vec4 t = texture(surfaces, v_surface);
    vec3 glass = pane + lamp * clamp(1.0 - abs(t.a - 0.5) * 3.0, 0.0, 1.0);
    f_colour = vec4((t.rgb * mix(v_colour.rgb, glass * v_colour.a, t.a) + v_added).bgr, 1.0);
}
"""

# A line is widened to at least a pixel far away, paler in turn, and its edges fade over a pixel.
PAINT_VERTEX = (
    SCENE
    + """
in vec3 position; in vec2 side; in float grow; in vec4 colour;
out vec4 v_colour; out vec3 v_edge;
void main() {
    vec3 relative = position - eye.xyz;
    float depth = length(relative);
    float pixel = depth * haze.w, width = length(side);
    float wanted = clamp(0.5 * pixel, width, width * abs(grow));
    float border = min(0.5 * pixel, 0.5 * width);
    vec2 out_by = side / width * (wanted + border);
    relative.xy += out_by;
    v_edge = vec3(sign(grow) * (wanted + border), wanted, max(2.0 * border, 1e-4));
    float pale = sqrt(width / wanted) * min(2.0 * wanted / pixel, 1.0);
    v_colour.a = 0.90 * pale * (1.0 - smoothstep(140.0, 240.0, depth)) * (1.0 - 0.25 * sun.w);
    vec3 lamp = vec3(1.0, 0.78, 0.48) * colour.a * sun_at.w + headlights(relative);
    v_colour.rgb = mix(haze.rgb, colour.rgb * (lit(vec3(0.0, 0.0, 1.0)) + lamp), clear_at(relative));
    gl_Position = projection * vec4(relative, 1.0);
}
"""
)

PAINT_FRAGMENT = (
    SCENE
    + """
in vec4 v_colour; in vec3 v_edge;
out vec4 f_colour;
void main() {
    float cover = clamp((v_edge.y - abs(v_edge.x)) / v_edge.z + 0.5, 0.0, 1.0);
    f_colour = vec4(v_colour.bgr, v_colour.a * cover);
}
"""
)

ACTOR_VERTEX = (
    SCENE
    + """
in vec3 position; in vec3 normal_bytes; in uint kind; in vec4 colour; in vec2 pivot;
in vec4 row_x; in vec4 row_y; in vec4 row_z; in vec4 paint; in uint flags;
out vec3 v_colour;
void main() {
    vec3 p = position, n = normal_of(normal_bytes);
    if (pivot.x < 1e8) {
        float c = cos(paint.w), s = sin(paint.w);
        vec2 d = p.xy - pivot;
        p.xy = pivot + vec2(c * d.x - s * d.y, s * d.x + c * d.y);
        n.xy = vec2(c * n.x - s * n.y, s * n.x + c * n.y);
    }
    vec3 world = vec3(dot(row_x, vec4(p, 1.0)), dot(row_y, vec4(p, 1.0)), dot(row_z, vec4(p, 1.0)));
    n = vec3(dot(row_x.xyz, n), dot(row_y.xyz, n), dot(row_z.xyz, n));
    vec3 relative = world - eye.xyz, look = normalize(relative);
    vec3 own = kind == 1u ? paint.rgb : colour.rgb;
    vec3 c = own * (lit(n) + headlights(relative));
    vec3 mirrored = reflect(look, n);
    float rim = pow(1.0 - abs(dot(look, n)), 4.0);
    vec3 sky = mix(haze.rgb, zenith.rgb, clamp(mirrored.z * 1.5, 0.0, 1.0));
    sky = mix(bounce.rgb * 0.35, sky, smoothstep(-0.12, 0.12, mirrored.z));
    c = mix(c, sky, colour.a * (0.10 + 0.45 * rim));
    c += colour.a * sun.rgb * 0.9 * pow(max(dot(mirrored, sun_at.xyz), 0.0), 24.0);
    if (kind >= 2u) {
        bool on = ((flags >> (kind - 2u)) & 1u) == 1u;
        c = on ? mix(colour.rgb, vec3(1.0), 0.12) : colour.rgb * (0.05 + 0.33 * lit(n));
    }
    float clear = clear_at(relative);
    v_colour = mix(haze.rgb, c, clear);
    gl_Position = projection * vec4(relative, 1.0);
}
"""
)

ACTOR_FRAGMENT = """
#version 330
in vec3 v_colour;
out vec4 f_colour;
void main() { f_colour = vec4(v_colour.bgr, 1.0); }
"""

# Soft dark patches: under vehicles, and thrown by the sun.
BLOB_VERTEX = (
    SCENE
    + """
in vec2 corner; in vec4 at; in vec4 sides;  // centre and strength; the two half axes (x, y)
out vec3 v_blob;
void main() {
    vec3 relative = at.xyz + vec3(corner.x * sides.xy + corner.y * sides.zw, 0.0) - eye.xyz;
    v_blob = vec3(corner, at.w * clear_at(relative));
    gl_Position = projection * vec4(relative, 1.0);
}
"""
)

BLOB_FRAGMENT = """
#version 330
in vec3 v_blob;
out vec4 f_colour;
void main() {
    vec2 edge = 1.0 - smoothstep(0.5, 1.0, abs(v_blob.xy));
    f_colour = vec4(0.0, 0.0, 0.0, v_blob.z * edge.x * edge.y);
}
"""

SHADE_VERTEX = (
    SCENE
    + """
in vec3 position;
out float v_alpha;
uniform float strength;
void main() {
    vec3 relative = position - eye.xyz;
    v_alpha = strength * clear_at(relative);
    gl_Position = projection * vec4(relative, 1.0);
}
"""
)

SHADE_FRAGMENT = """
#version 330
in float v_alpha;
out vec4 f_colour;
void main() { f_colour = vec4(0.03, 0.01, 0.0, v_alpha); }
"""

# Lamps bloom: a bright spot of at least a few pixels, so that a light is told apart at a distance.
GLOW_VERTEX = (
    SCENE
    + """
in vec2 corner; in vec4 at; in vec4 facing; in vec3 colour;  // centre and radius; direction and strength
out vec2 v_corner; out vec4 v_glow;
void main() {
    vec3 relative = at.xyz - eye.xyz;
    float depth = max(length(relative), 0.1);
    vec4 centre = projection * vec4(relative * (1.0 - min(0.25 / depth, 0.9)), 1.0);
    float towards = clamp(-dot(relative / depth, facing.xyz) * 2.5, 0.0, 1.0);
    float size = max(at.w, 1.9 * haze.w * depth);
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
    float fall = max(1.0 - dot(v_corner, v_corner), 0.0);
    float a = v_glow.a * fall * fall;
    f_colour = vec4(v_glow.bgr * a, a * 0.55);
}
"""

SKY_VERTEX = (
    SCENE
    + """
in vec3 direction; in vec3 colour;
out vec3 v_colour;
void main() {
    v_colour = colour;
    gl_Position = (projection * vec4(direction * 1000.0, 1.0)).xyww;
    gl_Position.z *= 0.999999;
}
"""
)

SKY_FRAGMENT = """
#version 330
in vec3 v_colour;
out vec4 f_colour;
void main() { f_colour = vec4(v_colour.bgr, 1.0); }
"""
