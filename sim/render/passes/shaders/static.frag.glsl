uniform sampler2DArray surfaces;
uniform vec3 pane;  // what glass mirrors
uniform vec3 lamp;  // what shines through half of the glass at night
in vec4 v_colour; in vec3 v_surface; in vec3 v_added;
out vec4 f_colour;
void main() {
    vec4 t = texture(surfaces, v_surface);
#ifdef HOLES
    if (t.a < HOLES) discard;
    t.a = 0.0;
#endif
    vec3 glass = pane + lamp * clamp(1.0 - abs(t.a - 0.5) * 3.0, 0.0, 1.0);
    f_colour = vec4((t.rgb * mix(v_colour.rgb, glass * v_colour.a, t.a) + v_added).bgr, 1.0);
}
