//! SIP as a value machine: bytes or a timeout in, bytes or events out. No socket, no clock.
