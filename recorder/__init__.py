"""What is recorded and how: schema, Zarr writer and reader, integrity check, exports. Nothing drives here."""
