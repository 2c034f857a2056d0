#include "scene.glsl"
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
