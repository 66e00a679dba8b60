/** Every default of the configuration file; the schema and the reference page show these. */
export const DEFAULTS = {
  interface: { xdp: 'auto' },
  /** Seconds; those of IPVS (net/netfilter/ipvs/ip_vs_proto_tcp.c, ip_vs_proto_udp.c). */
  timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
  conns: { max: 1_048_576 },
  service: { protocol: 'tcp', forward: 'dr', scheduler: 'mh', announce: 'dataplane', echo: 'reply-if-up' },
  scheduler: { tableSize: 16_381, ports: false },
  real: { weight: 1 },
} as const
