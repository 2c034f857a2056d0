// Lamps bloom: a bright spot of at least a few pixels, so that a light is told apart at a distance. Night and fog add
// a halo that grows in fog; what has no direction (a street lamp) shines everywhere.
#include "scene.glsl"
in vec2 corner; in vec4 at; in vec4 facing; in vec3 colour;  // centre and radius; direction and strength
out vec2 v_corner; out vec4 v_glow;
void main() {
    vec3 relative = at.xyz - eye.xyz;
    float depth = max(length(relative), 0.1);
    vec4 centre = projection * vec4(relative * (1.0 - min(0.25 / depth, 0.9)), 1.0);
    float towards = dot(facing.xyz, facing.xyz) < 0.5 ? 1.0 : clamp(-dot(relative / depth, facing.xyz) * 2.5, 0.0, 1.0);
#ifdef WEATHER
    float size = max(at.w * (1.0 + 0.35 * sun_at.w + min(ambient.w * 30.0, 1.2)), 2.4 * haze.w * depth);
#else
    float size = max(at.w, 1.9 * haze.w * depth);
#endif
    float fx = length(vec3(projection[0].x, projection[1].x, projection[2].x));
    float fy = length(vec3(projection[0].y, projection[1].y, projection[2].y));
    gl_Position = centre + vec4(corner.x * fx * size, corner.y * fy * size, 0.0, 0.0);
    v_corner = corner;
    v_glow = vec4(colour, facing.w * towards * sqrt(clear_at(relative)));
}
