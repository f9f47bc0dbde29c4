//! RTP, RTCP and telephone-events as values. No socket, no clock.
