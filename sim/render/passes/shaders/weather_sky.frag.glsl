#include "scene.glsl"
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
