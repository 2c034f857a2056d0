in vec2 v_corner; in vec4 v_light; flat in float v_beam;
out vec4 f_light;
void main() {
    float r2 = dot(v_corner, v_corner);
    float pool = pow(1.0 + 5.0 * r2, -1.5) * smoothstep(1.0, 0.55, r2);
    float u = v_corner.x, v = v_corner.y / (0.16 + 0.84 * u);
    float beam = smoothstep(0.0, 0.10, u) * pow(max(1.0 - u, 0.0), 1.4) * exp(-3.2 * v * v);
    beam *= smoothstep(1.0, 0.7, abs(v_corner.y));
    f_light = v_light * (v_beam > 0.5 ? beam : pool);
}
