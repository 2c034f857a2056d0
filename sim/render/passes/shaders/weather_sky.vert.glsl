#include "scene.glsl"
in vec3 direction;
out vec3 v_look;
void main() {
    v_look = direction;
    gl_Position = (projection * vec4(direction * 1000.0, 1.0)).xyww;
    gl_Position.z *= 0.999999;
}
