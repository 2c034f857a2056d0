"""The driver's sounds: engine, tyres, wind and the chime of a takeover request. No windows."""
