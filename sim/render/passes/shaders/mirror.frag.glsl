uniform sampler2D behind;
uniform float alpha;
in vec2 v_at;
out vec4 f_colour;
void main() { f_colour = vec4(0.9 * texture(behind, v_at).rgb, alpha); }
