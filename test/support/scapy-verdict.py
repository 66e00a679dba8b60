"""Reads frames as hex lines; for each says "ok", or what differs once scapy computed the checksums itself."""
import logging
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.compat import raw  # noqa: E402
from scapy.layers.inet import ICMP, UDP, IP  # noqa: E402
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
    return raw(packet), "/".join(names)


for line in sys.stdin:
    frame = bytes.fromhex(line.strip())
    rebuilt, names = recomputed(frame)
    print("ok" if rebuilt == frame else f"{names}: frame {frame.hex()} scapy {rebuilt.hex()}")
