#include "scene.glsl"
#include "pose.glsl"
in vec3 position; in vec3 pivot; in uint part_tag; in uint joint;
in vec4 row_x; in vec4 row_y; in vec4 row_z; in vec4 paint; in vec4 turns; in uint flags; in uint tag; in uint thing;
flat out uvec2 v_label; out float v_depth;
void main() {
    vec3 p = position, n = vec3(0.0);
    pose(p, n, pivot, joint, paint.w, turns, flags);
    vec3 world = vec3(dot(row_x, vec4(p, 1.0)), dot(row_y, vec4(p, 1.0)), dot(row_z, vec4(p, 1.0)));
    gl_Position = projection * vec4(world - eye.xyz, 1.0);
    v_label = uvec2(part_tag == 0u ? tag : part_tag, thing);
    v_depth = gl_Position.w;
}
