in vec2 corner;
flat out uvec2 v_label; out float v_depth;
void main() {
    gl_Position = vec4(corner, 0.0, 1.0);
    v_label = uvec2(SKY, 0u);
    v_depth = 1e9;
}
