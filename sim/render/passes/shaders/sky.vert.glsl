#include "scene.glsl"
in vec3 direction; in vec3 colour;
out vec3 v_colour;
void main() {
    v_colour = colour;
    gl_Position = (projection * vec4(direction * 1000.0, 1.0)).xyww;
    gl_Position.z *= 0.999999;
}
