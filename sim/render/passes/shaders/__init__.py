"""The GLSL files of all passes, `NAME.vert` and `NAME.frag`; `sim.render.passes.programs` reads them. No Python."""
