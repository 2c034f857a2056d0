#include "scene.glsl"
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
