// Lamps mirrored by a wet road: streaks on the ground around the place where the mirror image is seen.
#include "scene.glsl"
in vec2 corner; in vec4 at; in vec4 facing; in vec3 colour; in float ground;
out vec2 v_corner; out vec4 v_glow; out vec2 v_world;
void main() {
    vec3 relative = at.xyz - eye.xyz;
    float depth = max(length(relative), 0.1);
    float eye_up = max(eye.z - ground, 0.05), lamp_up = max(at.z - ground, 0.05);
    vec2 away = relative.xy;
    float reach = max(length(away), 0.1), share = eye_up / (eye_up + lamp_up);
    vec2 ahead = away / reach, aside = vec2(-ahead.y, ahead.x);
    float spread = 0.30 + 0.55 * air.x;
    float further = min(spread * share * reach, (1.0 - share) * reach * 0.9), nearer = spread * share * reach * 0.9;
    float along = corner.x > 0.0 ? further : nearer;
    float wide = 0.35 * at.w + 0.010 * share * reach;
    vec3 place = vec3(away * share + ahead * corner.x * along + aside * corner.y * wide, ground + 0.03 - eye.z);
    float towards = dot(facing.xyz, facing.xyz) < 0.5 ? 1.0 : clamp(-dot(relative / depth, facing.xyz) * 2.5, 0.0, 1.0);
    float grazing = eye_up / length(vec2(share * reach, eye_up));
    float level = smoothstep(0.2, 0.6, eye.z - ground);  // no mirror that is seen from below
    float fresnel = 0.06 + 0.94 * pow(1.0 - grazing, 4.0);
    v_corner = corner;
    v_world = place.xy + eye.xy;
    v_glow = vec4(colour, sun.w * level * fresnel * facing.w * towards * clear_at(relative) * mix(0.35, 1.0, sun_at.w));
    gl_Position = projection * vec4(place, 1.0);
}
