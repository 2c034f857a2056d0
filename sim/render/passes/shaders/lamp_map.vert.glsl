// The lamp map, seen from above.
uniform vec4 window;  // xy corner, 1 / side
in vec2 corner; in vec4 at; in vec4 shape; in vec3 colour;
// at: x, y, ground, length; shape: direction, half width, 1 for a beam and 0 for a pool
out vec2 v_corner; out vec4 v_light; flat out float v_beam;
void main() {
    vec2 aside = vec2(-shape.y, shape.x);
    float along = shape.w > 0.5 ? 0.5 + 0.5 * corner.x : corner.x;
    vec2 place = at.xy + shape.xy * along * at.w + aside * corner.y * shape.z;
    v_corner = vec2(along, corner.y);
    v_light = vec4(colour, dot(colour, vec3(1.0)) * at.z);
    v_beam = shape.w;
    gl_Position = vec4((place - window.xy) * window.z * 2.0 - 1.0, 0.0, 1.0);
}
