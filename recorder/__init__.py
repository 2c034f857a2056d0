"""The one schema of what is recorded, the ring buffer, the Zarr writer and reader, integrity check and exports."""
