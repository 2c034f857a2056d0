// A line is widened to at least a pixel far away, paler in turn, and its edges fade over a pixel.
#include "scene.glsl"
in vec3 position; in vec2 side; in float grow; in vec4 colour;
out vec4 v_colour; out vec3 v_edge;
#ifdef WEATHER
out vec3 v_relative;  // the fragment shader lights the paint
#endif
void main() {
    vec3 relative = position - eye.xyz;
    float depth = length(relative);
    float pixel = depth * haze.w, width = length(side);
    float wanted = clamp(0.5 * pixel, width, width * abs(grow));
    float border = min(0.5 * pixel, 0.5 * width);
    vec2 out_by = side / width * (wanted + border);
    relative.xy += out_by;
    v_edge = vec3(sign(grow) * (wanted + border), wanted, max(2.0 * border, 1e-4));
    float pale = sqrt(width / wanted) * min(2.0 * wanted / pixel, 1.0);
    v_colour.a = 0.90 * pale * (1.0 - smoothstep(140.0, 240.0, depth)) * (1.0 - 0.25 * sun.w);
#ifdef WEATHER
    v_relative = relative;
    v_colour.rgb = colour.rgb;
#else
    vec3 lamp = vec3(1.0, 0.78, 0.48) * colour.a * sun_at.w + headlights(relative);
    v_colour.rgb = mix(haze.rgb, colour.rgb * (lit(vec3(0.0, 0.0, 1.0)) + lamp), clear_at(relative));
#endif
    gl_Position = projection * vec4(relative, 1.0);
}
