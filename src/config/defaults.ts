/** Every default of the configuration file; the schema and the reference page show these. */
export const DEFAULTS = {
  interface: { xdp: 'auto', reply: true },
  timeouts: { preset: 'ipvs' },
  conns: { max: 1_048_576 },
  service: {
    protocol: 'tcp',
    forward: 'dr',
    scheduler: 'mh',
    persistence: false,
    onePacket: false,
    connReuse: true,
    noReal: 'reject',
    announce: 'dataplane',
    echo: 'reply-if-up',
    unmatched: 'pass',
    onDown: 'keep',
    allDown: 'reject',
    quorum: 1,
    hysteresis: 0,
    sorryServer: false,
    /** Milliseconds. */
    slowStart: 0,
  },
  scheduler: { tableSize: 16_381, ports: false, fallback: false },
  /** Seconds, and bits of the client's address; ipvsadm's. */
  persistence: { timeout: 360, netmask: 32, netmask6: 128, expireQuiescent: true },
  real: { weight: 1, upperThreshold: 0, lowerThreshold: 0 },
  /** Times in milliseconds. */
  health: {
    interval: 2000,
    timeout: 1000,
    rise: 2,
    fall: 3,
    initial: 'up',
    damping: 60_000,
    maxDamping: 16,
    path: '/',
    method: 'GET',
    status: '200-299',
    bodyBytes: 65_536,
    verify: false,
    send: '',
    protocol: 'tcp',
  },
  /** Above the ports that Linux gives to sockets by itself (ip_local_port_range). */
  probe: { ports: '61000-65535', maxInFlight: 2048 },
} as const

/** The timeouts that the file may say, in seconds, by preset: what IPVS has, and what DPVS has. */
export const TIMEOUTS = {
  ipvs: { tcp: 900, tcpFin: 120, udp: 300, icmp: 30 },
  datacenter: { tcp: 90, tcpFin: 7, udp: 300, icmp: 30 },
} as const
