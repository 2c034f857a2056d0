#include "scene.glsl"
in vec3 position; in vec2 pivot; in uint part_tag;
in vec4 row_x; in vec4 row_y; in vec4 row_z; in vec4 paint; in uint tag; in uint thing;
flat out uvec2 v_label; out float v_depth;
void main() {
    vec3 p = position;
    if (pivot.x < 1e8) {
        float c = cos(paint.w), s = sin(paint.w);
        vec2 d = p.xy - pivot;
        p.xy = pivot + vec2(c * d.x - s * d.y, s * d.x + c * d.y);
    }
    vec3 world = vec3(dot(row_x, vec4(p, 1.0)), dot(row_y, vec4(p, 1.0)), dot(row_z, vec4(p, 1.0)));
    gl_Position = projection * vec4(world - eye.xyz, 1.0);
    v_label = uvec2(part_tag == 0u ? tag : part_tag, thing);
    v_depth = gl_Position.w;
}
