// Falling rain on three cylinders around the eye.
#include "scene.glsl"
in vec2 corner;
uniform vec4 tangents;   // of half the fields of view; pixels
uniform mat3 turn;       // columns: right, up, forward
out vec3 v_look; flat out float v_far;
void main() {
    v_far = gl_InstanceID == 0 ? 2.5 : gl_InstanceID == 1 ? 6.0 : 14.0;
    v_look = turn * vec3(corner.x * tangents.x, -corner.y * tangents.y, 1.0);
    vec4 at = projection * vec4(turn[2] * v_far, 1.0);
    gl_Position = vec4(corner, at.z / at.w, 1.0);
}
