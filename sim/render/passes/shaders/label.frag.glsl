#ifdef PAINT
in vec3 v_edge;
#endif
#ifdef HOLES
uniform sampler2DArray surfaces;
in vec3 v_surface;
#endif
flat in uvec2 v_label; in float v_depth;
layout(location = 0) out vec4 f_depth;
layout(location = 1) out vec4 f_label;
void main() {
#ifdef PAINT
    if (v_edge.x > 190.0) discard;
#endif
#ifdef HOLES
    if (texture(surfaces, v_surface).a < HOLES) discard;
#endif
    uint d = min(uint(clamp(v_depth / REACH, 0.0, 1.0) * 16777215.0 + 0.5), 16777215u);
    f_depth = vec4(float(d >> 16), float((d >> 8) & 255u), float(d & 255u), 255.0) / 255.0;
    f_label = vec4(float(v_label.y >> 8), float(v_label.y & 255u), float(v_label.x), 255.0) / 255.0;
}
