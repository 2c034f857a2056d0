#include "scene.glsl"
in vec3 position;
out float v_alpha;
uniform float strength;
void main() {
    vec3 relative = position - eye.xyz;
    v_alpha = strength * clear_at(relative);
    gl_Position = projection * vec4(relative, 1.0);
}
