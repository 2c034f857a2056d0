in vec2 v_corner; in vec4 v_glow;
out vec4 f_colour;
void main() {
    float fall = max(1.0 - dot(v_corner, v_corner), 0.0);
    float a = v_glow.a * fall * fall;
    f_colour = vec4(v_glow.bgr * a, a * 0.55);
}
