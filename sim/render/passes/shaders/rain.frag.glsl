#include "scene.glsl"
in vec3 v_look; flat in float v_far;
out vec4 f_colour;
float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}
void main() {
    float level = length(v_look.xy);
    float steep = v_look.z / level;
    float column = atan(v_look.y, v_look.x) * v_far * 9.0 + steep * v_far * air.w * 0.8;
    float id = floor(column);
    float speed = 8.5 + 2.0 * hash(vec2(id, v_far));
    float drop = (steep * v_far + eye.z + eye.w * speed) * 0.55 + 37.0 * hash(vec2(id, v_far + 3.0));
    float cell = floor(drop);
    float there = step(hash(vec2(id, cell)), 0.55 * air.x);
    float x = abs(fract(column) - 0.3 - 0.4 * hash(vec2(cell, id)));
    float thin = max(0.06, haze.w * v_far * 7.0);
    float body = smoothstep(thin, 0.0, x) * smoothstep(0.0, 0.25, fract(drop)) * smoothstep(0.62, 0.3, fract(drop));
    float a = there * body * min(0.06 / thin, 1.0) * 0.42 * smoothstep(3.0, 1.2, abs(steep));
    vec3 c = mix(ambient.rgb * 0.9 + 0.1, vec3(1.0, 0.9, 0.75) * 0.5, 0.5 * sun_at.w);
    f_colour = vec4(c.bgr, a * mix(1.0, 0.5, sun_at.w));
}
