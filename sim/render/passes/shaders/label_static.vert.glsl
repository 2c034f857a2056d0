#include "scene.glsl"
in vec3 position; in uint tag; in uint thing;
#ifdef HOLES
in uint layer; in vec2 uv;
out vec3 v_surface;
#endif
flat out uvec2 v_label; out float v_depth;
void main() {
#ifdef HOLES
    v_surface = vec3(uv, float(layer));
#endif
    gl_Position = projection * vec4(position - eye.xyz, 1.0);
    v_label = uvec2(tag, thing);
    v_depth = gl_Position.w;
}
