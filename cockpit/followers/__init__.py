"""Several machines show the screens of one session: the hub beside the session, and the followers.

A follower is a second CARLA client with cameras of its own for its own screens. Every tick goes through three steps:
the hub sends its state, each follower reports when it has the pictures of that very frame, and the hub releases the
frame on all machines at once. Nothing ever waits for a follower for longer than `machines.wait_s`, and the tick never
does. No window is drawn here.
"""
