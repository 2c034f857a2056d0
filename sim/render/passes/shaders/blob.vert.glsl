// Soft dark patches under vehicles, and thrown by the sun.
#include "scene.glsl"
in vec2 corner; in vec4 at; in vec4 sides;  // centre and strength; the two half axes (x, y)
out vec3 v_blob;
void main() {
    vec3 relative = at.xyz + vec3(corner.x * sides.xy + corner.y * sides.zw, 0.0) - eye.xyz;
    v_blob = vec3(corner, at.w * clear_at(relative));
    gl_Position = projection * vec4(relative, 1.0);
}
