"""Ids as the programs make them, from lib/PROTOCOL.md alone."""

import hashlib
import os
import time
import uuid


def slot_of(event_id):
    """64-bit FNV-1a, its quarters XORed."""
    fnv = 0xCBF29CE484222325
    for byte in event_id.encode():
        fnv = (fnv ^ byte) * 0x100000001B3 % 2**64
    return (fnv ^ fnv >> 16 ^ fnv >> 32 ^ fnv >> 48) & 0xFFFF


def slot_of_booking(booking_id):
    """None when that is no UUID."""
    try:
        number = int(booking_id.replace("-", ""), 16)
    except ValueError:
        return None
    return (number >> 64 & 0xFFF) << 4 | number >> 58 & 0xF


def partition_of(booking_id, partitions):
    return slot_of_booking(booking_id) % partitions


def _hash16(key_hex, data):
    return hashlib.blake2b(data, digest_size=32, key=bytes.fromhex(key_hex)).digest()[:2]


def issue_booking_id(event_id, key_hex, user_id="u1"):
    """One that passes for issued, although no request was ever stored."""
    slot = slot_of(event_id)
    high = time.time_ns() // 10**6 << 16 | 8 << 12 | slot >> 4
    low = 2 << 30 | (slot & 15) << 26 | int.from_bytes(os.urandom(4), "big") >> 6
    head = high.to_bytes(8, "big") + low.to_bytes(4, "big")
    head += _hash16(key_hex, b"owner\0" + head + user_id.encode())
    return str(uuid.UUID(bytes=head + _hash16(key_hex, head)))
