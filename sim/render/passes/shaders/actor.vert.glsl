#include "scene.glsl"
#include "pose.glsl"
in vec3 position; in vec3 normal_bytes; in uint kind; in vec4 colour; in vec3 pivot; in uint joint;
in vec4 row_x; in vec4 row_y; in vec4 row_z; in vec4 paint; in vec4 turns; in uint flags;
out vec3 v_colour;
void main() {
    vec3 p = position, n = normal_of(normal_bytes);
    pose(p, n, pivot, joint, paint.w, turns, flags);
    vec3 world = vec3(dot(row_x, vec4(p, 1.0)), dot(row_y, vec4(p, 1.0)), dot(row_z, vec4(p, 1.0)));
    n = vec3(dot(row_x.xyz, n), dot(row_y.xyz, n), dot(row_z.xyz, n));
    vec3 relative = world - eye.xyz, look = normalize(relative);
    vec3 own = kind == 1u ? paint.rgb : colour.rgb;
#ifdef WEATHER
    vec3 c = own * (lit(n) + headlights(relative) + lamp_light(world, n.z));
#else
    vec3 c = own * (lit(n) + headlights(relative));
#endif
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
