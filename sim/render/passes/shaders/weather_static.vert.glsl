#include "scene.glsl"
in vec3 position; in vec4 colour; in vec3 normal_bytes; in uint layer; in vec2 uv;
#ifndef HOLES
in uint thing;
#endif
out vec3 v_own; out vec3 v_light; out vec3 v_relative; out vec2 v_uv; flat out vec3 v_normal; flat out vec2 v_what;
void main() {
    v_normal = normal_of(normal_bytes);
    v_relative = position - eye.xyz;
    v_own = colour.rgb;
    v_light = lit(v_normal);
    v_uv = uv;
#ifdef HOLES
    v_what = vec2(float(layer), 0.0);
#else
    v_what = vec2(float(layer), float(thing));
#endif
    gl_Position = projection * vec4(v_relative, 1.0);
}
