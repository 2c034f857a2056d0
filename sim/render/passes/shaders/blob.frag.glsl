in vec3 v_blob;
out vec4 f_colour;
void main() {
    vec2 edge = 1.0 - smoothstep(0.5, 1.0, abs(v_blob.xy));
    f_colour = vec4(0.0, 0.0, 0.0, v_blob.z * edge.x * edge.y);
}
