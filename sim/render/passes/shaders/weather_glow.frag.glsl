in vec2 v_corner; in vec4 v_glow;
out vec4 f_colour;
void main() {
    float r2 = dot(v_corner, v_corner);
    float fall = max(1.0 - r2, 0.0);
    float core = smoothstep(0.055, 0.01, r2);
    float a = v_glow.a * fall * fall * (0.14 + 0.62 * fall * fall * fall * fall);
    vec3 c = v_glow.rgb * a + mix(v_glow.rgb, vec3(1.0), 0.45) * core * 0.7 * v_glow.a;
    f_colour = vec4(c.bgr, (0.5 * a + 0.4 * core) * v_glow.a);
}
