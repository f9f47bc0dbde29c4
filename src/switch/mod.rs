//! Hands and ears: SIP and RTP on real sockets.
