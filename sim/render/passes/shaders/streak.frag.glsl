#include "scene.glsl"
in vec2 v_corner; in vec4 v_glow; in vec2 v_world;
out vec4 f_colour;
void main() {
    float across = max(1.0 - v_corner.y * v_corner.y, 0.0), along = 1.0 - abs(v_corner.x);
    float broken = 0.55 + 0.9 * (textureLod(ripples, v_world / vec2(1.7), 2.0).b - 0.25);
    float a = v_glow.a * across * across * along * along * (3.0 - 2.0 * along) * clamp(broken, 0.2, 1.0);
    f_colour = vec4(v_glow.bgr * a, 0.0);
}
