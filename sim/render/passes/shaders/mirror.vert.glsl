// A mirror's glass. Its picture is that of a camera looking back: left and right are exchanged on it.
#include "scene.glsl"
uniform vec3 middle, across, upward;  // of the glass; its half sides to the right and up
in vec2 corner;
out vec2 v_at;
void main() {
    v_at = 0.5 - 0.5 * corner;  // pictures are upside down in OpenGL's eyes
    gl_Position = projection * vec4(middle + corner.x * across + corner.y * upward - eye.xyz, 1.0);
}
