#include "scene.glsl"
in vec4 v_colour; in vec3 v_edge;
out vec4 f_colour;
void main() {
    float cover = clamp((v_edge.y - abs(v_edge.x)) / v_edge.z + 0.5, 0.0, 1.0);
    f_colour = vec4(v_colour.bgr, v_colour.a * cover);
}
