#include "scene.glsl"
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
#ifdef HOLES
    if (t.a < HOLES) discard;
#endif
    vec3 world = v_relative + eye.xyz;
    float far = length(v_relative);
    vec3 look = v_relative / max(far, 0.01);
    vec3 shone = lamp_light(world, v_normal.z);
    vec3 light = v_light + shone + headlights(v_relative) * clamp(-dot(look, v_normal), 0.12, 1.0);
    vec3 c = t.rgb * v_own * light * 1.25;
#ifdef HOLES
    float mirror = 0.0;
#else
    float glass = smoothstep(0.10, 0.50, t.a);
    if (layer == LAMP) {
        c = mix(t.rgb * v_own * light, vec3(1.0, 0.93, 0.80) * 1.1, sun_at.w * step(0.02, dot(shone, vec3(1.0))));
    } else if (glass > 0.0) {
        vec3 mirrored = reflect(look, v_normal);
        vec3 outside = mix(pane, sky_at(mirrored) * 0.55, 0.35) + 0.10 * shone;
        c = mix(c, t.rgb * outside + room_light(layer, v_uv) * sun_at.w, glass);
    }
    float mirror = 0.0;  // alpha: how strongly the road mirrors lamps (streaks)
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
#endif
    f_colour = vec4(mix(haze.rgb, c, clear_at(v_relative)).bgr, mirror);
}
