"""Reads frames as hex lines; for each says "ok", or what differs once scapy computed the checksums itself."""
import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.compat import raw  # noqa: E402
from scapy.layers.inet import ICMP, TCP, UDP, IP  # noqa: E402
from scapy.layers.inet6 import IPv6, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

ICMP6_ERRORS = (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded)


def recomputed(frame):
    packet = Ether(frame)
    names = []
    layer = packet
    while layer:
        names.append(layer.name)
        zero_udp = isinstance(layer, UDP) and layer.underlayer and packet.haslayer(IP) and layer.chksum == 0
        for field in ("chksum", "cksum"):
            if field in layer.fields and not zero_udp:
                delattr(layer, field)
        quotes = isinstance(layer, ICMP6_ERRORS) or (isinstance(layer, ICMP) and layer.type in (3, 4, 5, 11, 12))
        if quotes:
            break
        layer = layer.payload
    return raw(packet), "/".join(names), raw(layer.payload) if layer else b""


def checked(build, data):
    """The packet with its checksums computed by scapy, if it is all there."""
    packet = build(data)
    for layer in (packet, packet.payload):
        for field in ("chksum", "cksum"):
            if field in layer.fields:
                delattr(layer, field)
    return raw(packet)


def wrong_quote(quote):
    """What is wrong in the packet that an ICMP error quotes: its IP header, and if it is quoted whole all of it."""
    if not quote:
        return None
    if quote[0] >> 4 == 4:
        length = (quote[0] & 15) * 4
        header = IP(quote[:length])
        del header.chksum
        header.len = int.from_bytes(quote[2:4], "big")
        if raw(header)[:length] != quote[:length]:
            return "quoted IP header"
        whole = quote[: header.len] if header.len <= len(quote) else None
        build, inner = IP, header.proto
    else:
        size = 40 + int.from_bytes(quote[4:6], "big")
        whole = quote[:size] if size <= len(quote) else None
        build, inner = IPv6, quote[6]
    if whole is None or inner not in (6, 17):
        return None
    if inner == 17 and build(whole)[UDP].chksum == 0:
        return None
    return None if checked(build, whole) == whole else "quoted packet"


for line in sys.stdin:
    frame = bytes.fromhex(line.strip())
    rebuilt, names, quote = recomputed(frame)
    trouble = None if rebuilt == frame else f"frame {frame.hex()} scapy {rebuilt.hex()}"
    trouble = trouble or wrong_quote(quote)
    print("ok" if trouble is None else f"{names}: {trouble}")
