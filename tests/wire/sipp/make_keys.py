"""Makes key-1.pcap and key-2.pcap: a key of 100 ms as telephone-events (RFC 4733, payload type 101).

sipp's own play_dtmf has a fixed payload type and a new timestamp in each packet, which is not RFC 4733.
Run it in this folder: python3 make_keys.py
"""
import struct


def packet(sequence, marker, event, end, duration):
    flags = 0x8A if end else 0x0A  # volume 10: -10 dBm0
    rtp = struct.pack("!BBHII", 0x80, 101 | (0x80 if marker else 0), sequence, 48000, 0x5349_5070)
    payload = rtp + struct.pack("!BBH", event, flags, duration)
    udp = struct.pack("!HHHH", 6000, 6000, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(udp), sequence, 0, 64, 17, 0, 0x7F000001, 0x7F000001)
    return b"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" + ip + udp


def key(event, name):
    steps = [(n, n == 0, False, 160 * (n + 1)) for n in range(4)]
    steps += [(4 + n, False, True, 800) for n in range(3)]
    with open(name, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for sequence, marker, end, duration in steps:
            frame = packet(1000 + sequence, marker, event, end, duration)
            at = sequence * 20_000
            out.write(struct.pack("<IIII", 1_700_000_000, at, len(frame), len(frame)) + frame)


key(1, "key-1.pcap")
key(2, "key-2.pcap")
