in float v_alpha;
out vec4 f_colour;
void main() { f_colour = vec4(0.03, 0.01, 0.0, v_alpha); }
