// What every program knows of the view, the light and the air; WEATHER adds night, rain, wet roads and fog.
layout(std140) uniform Scene {
    mat4 projection;
    vec4 eye;       // xyz; w = time (s)
    vec4 sun_at;    // direction towards the sun; w = night
    vec4 sun;       // rgb; w = wet
    vec4 ambient;   // rgb of the sky; w = fog per metre
    vec4 bounce;    // rgb from the ground; w = fog starts at (m)
    vec4 haze;      // rgb; w = width of a pixel at one metre
    vec4 zenith;    // rgb; w = 1 / (height over which fog thins by e)
    vec4 beam;      // where the own headlights shine; w = how strongly
#ifdef WEATHER
    vec4 lamps_at;  // xy of the lamp map's corner, 1 / its side; w = puddles
    vec4 air;       // rain, cloud, how visible the sun is; w = wind
    vec4 clouds;    // rgb of lit clouds; w = how clear the sky overhead is of fog
#endif
};
vec3 normal_of(vec3 bytes) { return (bytes * 255.0 - 128.0) / 127.0; }
float clear_at(vec3 relative) {
    float thin = exp(-max(eye.z + 0.5 * relative.z, 0.0) * zenith.w);
    return exp(-ambient.w * thin * max(length(relative) - bounce.w, 0.0));
}
vec3 lit(vec3 n) {
    return mix(bounce.rgb, ambient.rgb, 0.5 + 0.5 * n.z) + sun.rgb * max(dot(n, sun_at.xyz), 0.0);
}
vec3 headlights(vec3 relative) {
    float far = length(relative);
    float cone = smoothstep(0.80, 0.98, dot(relative, beam.xyz) / max(far, 0.1));
    return vec3(0.95, 0.92, 0.80) * beam.w * cone * 9.0 / (9.0 + 0.020 * far * far) * 0.75;
}
#ifdef WEATHER
uniform sampler2D lamps;
uniform sampler2D ripples;  // four tiling noises
vec3 lamp_light(vec3 world, float upward) {
    vec2 at = (world.xy - lamps_at.xy) * lamps_at.z;
    vec2 edge = abs(at - 0.5);
    vec4 found = textureLod(lamps, at, 0.0) * (1.0 - smoothstep(0.44, 0.5, max(edge.x, edge.y)));
    float height = world.z - found.a / max(dot(found.rgb, vec3(1.0)), 1e-3);
    float reach = exp(-0.16 * max(height - 1.0, 0.0)) * smoothstep(-3.0, -1.0, height);
    return found.rgb * reach * (upward > 0.0 ? mix(0.55, 1.0, upward) : mix(0.55, 0.2, -upward));
}
float puddle_at(vec2 at, float lod) {
    float low = 0.7 * textureLod(ripples, at / 31.0, lod).r + 0.3 * textureLod(ripples, at / 9.0, lod + 1.5).g;
    float level = 0.80 - 0.42 * lamps_at.w;
    return smoothstep(level, level + 0.10, low) * step(0.02, lamps_at.w);
}
vec3 sky_at(vec3 look) {
    float up = clamp(look.z, 0.0, 1.0);
    vec3 base = mix(haze.rgb, zenith.rgb, 1.0 - exp(-4.2 * up));
    return mix(base, clouds.rgb, 0.8 * air.y * clouds.w * clamp(5.0 * up, 0.0, 1.0));
}
#endif
