#include "scene.glsl"
in vec3 corner; in vec3 middle; in vec3 along; in vec3 aside; in vec3 up; in vec3 colour;
out vec3 v_colour;
void main() {
    v_colour = colour;
    vec3 relative = middle + corner.x * along + corner.y * aside + corner.z * up - eye.xyz;
    gl_Position = projection * vec4(relative, 1.0);
}
