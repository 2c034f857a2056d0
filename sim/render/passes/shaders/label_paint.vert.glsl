// Painted lines are widened far away as in the colour pictures; where they have mostly faded they are left out.
#include "scene.glsl"
in vec3 position; in vec2 side; in float grow;
flat out uvec2 v_label; out float v_depth; out vec3 v_edge;
void main() {
    vec3 relative = position - eye.xyz;
    float depth = length(relative), pixel = depth * haze.w, width = length(side);
    float wanted = clamp(0.5 * pixel, width, width * abs(grow));
    relative.xy += side / width * wanted;
    v_edge = vec3(depth, 0.0, 0.0);
    v_label = uvec2(ROAD_LINES, 0u);
    gl_Position = projection * vec4(relative, 1.0);
    v_depth = gl_Position.w;
}
