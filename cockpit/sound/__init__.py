"""What the driver hears: engine, tyres, wind and the chime of a takeover request."""
