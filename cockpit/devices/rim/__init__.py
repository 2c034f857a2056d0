"""The force on the steering wheel's rim: what it should be, and the motor that makes it. No key or pedal is read here."""
