/**
 * Generated from the BTF of bpf/xdp_lb.c and bpf/tc_reply.c and bpf/xdp_ping.c (bpf/abi.h, bpf/maps.h) by scripts/gen.ts; do not edit.
 * Numbers are in host order whatever their order on the wire; 64-bit integers are bigints.
 */
import { array, be16, be32, bytes, struct, text, u16, u32, u64, u8 } from '../btf/layout.js'
import { Codec, u32Codec, u64Codec } from './codec.js'
import { mapOfMaps, perCpuMap, plainMap } from './descriptor.js'
import { MapType } from './map-type.js'

/** `enum lb_limit`. */
export const Limit = {
  abiVersion: 4,
  maxVips: 4096,
  maxServices: 4096,
  maxDests: 65536,
  maxInterfaces: 64,
  interfaceSlots: 256,
  maxRings: 8192,
  ringChunk: 64,
  ringIds: 512,
  ringMax: 131072,
  vipBuckets: 8192,
  vipWays: 4,
  connWays: 8,
  connLoad: 5,
  reverseWays: 8,
  tickJiffies: 16,
  maxPeers: 64,
  maxSiblings: 16,
  maxFragments: 32768,
  limitBuckets: 4096,
  routes: 1024,
  maxVerdicts: 128,
  maxProbes: 16384,
  maxProbeSources: 128,
  maxPingSources: 256,
  pingMagic: 1986356594,
} as const

/** `enum lb_vip_flag`. */
export const VipFlag = {
  announce: 1,
  bind: 2,
  bound: 4,
  dropUnmatched: 8,
} as const

export type VipFlag = (typeof VipFlag)[keyof typeof VipFlag]

/** Names of `enum lb_vip_flag` by value, as printed. */
export const vipFlagNames: Readonly<Record<number, string>> = {
  1: 'announce',
  2: 'bind',
  4: 'bound',
  8: 'drop_unmatched',
}

/** `enum lb_echo`. */
export const Echo = {
  replyIfUp: 0,
  reply: 1,
  pass: 2,
  drop: 3,
} as const

export type Echo = (typeof Echo)[keyof typeof Echo]

/** Names of `enum lb_echo` by value, as printed. */
export const echoNames: Readonly<Record<number, string>> = {
  0: 'reply_if_up',
  1: 'reply',
  2: 'pass',
  3: 'drop',
}

/** `enum lb_scheduler`. */
export const Scheduler = {
  mh: 0,
  rr: 1,
  wrr: 2,
  sh: 3,
  dh: 4,
  lc: 5,
  wlc: 6,
  sed: 7,
  nq: 8,
  fo: 9,
  ovf: 10,
  twos: 11,
  lblc: 12,
  lblcr: 13,
} as const

export type Scheduler = (typeof Scheduler)[keyof typeof Scheduler]

/** Names of `enum lb_scheduler` by value, as printed. */
export const schedulerNames: Readonly<Record<number, string>> = {
  0: 'mh',
  1: 'rr',
  2: 'wrr',
  3: 'sh',
  4: 'dh',
  5: 'lc',
  6: 'wlc',
  7: 'sed',
  8: 'nq',
  9: 'fo',
  10: 'ovf',
  11: 'twos',
  12: 'lblc',
  13: 'lblcr',
}

/** `enum lb_forward`. */
export const Forward = {
  dr: 0,
  nat: 1,
} as const

export type Forward = (typeof Forward)[keyof typeof Forward]

/** Names of `enum lb_forward` by value, as printed. */
export const forwardNames: Readonly<Record<number, string>> = {
  0: 'dr',
  1: 'nat',
}

/** `enum lb_service_flag`. */
export const ServiceFlag = {
  sloppy: 1,
  ports: 2,
  fallback: 4,
  onePacket: 8,
  noReuse: 16,
  noRealDrop: 32,
  noRealPass: 64,
  keepQuiescent: 128,
  local: 256,
} as const

export type ServiceFlag = (typeof ServiceFlag)[keyof typeof ServiceFlag]

/** Names of `enum lb_service_flag` by value, as printed. */
export const serviceFlagNames: Readonly<Record<number, string>> = {
  1: 'sloppy',
  2: 'ports',
  4: 'fallback',
  8: 'one_packet',
  16: 'no_reuse',
  32: 'no_real_drop',
  64: 'no_real_pass',
  128: 'keep_quiescent',
  256: 'local',
}

/** `enum lb_dest_flag`. */
export const DestFlag = {
  live: 1,
  neighbour: 2,
  local: 4,
  gateway: 8,
  up: 16,
  down: 32,
  sorry: 64,
} as const

export type DestFlag = (typeof DestFlag)[keyof typeof DestFlag]

/** Names of `enum lb_dest_flag` by value, as printed. */
export const destFlagNames: Readonly<Record<number, string>> = {
  1: 'live',
  2: 'neighbour',
  4: 'local',
  8: 'gateway',
  16: 'up',
  32: 'down',
  64: 'sorry',
}

/** `enum lb_key_kind`. */
export const KeyKind = {
  conn: 0,
  template: 1,
} as const

export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind]

/** Names of `enum lb_key_kind` by value, as printed. */
export const keyKindNames: Readonly<Record<number, string>> = {
  0: 'conn',
  1: 'template',
}

/** `enum lb_conn_state`. */
export const ConnState = {
  none: 0,
  established: 1,
  synSent: 2,
  synRecv: 3,
  finWait: 4,
  timeWait: 5,
  close: 6,
  closeWait: 7,
  lastAck: 8,
  listen: 9,
  synack: 10,
  udp: 11,
  icmp: 12,
} as const

export type ConnState = (typeof ConnState)[keyof typeof ConnState]

/** Names of `enum lb_conn_state` by value, as printed. */
export const connStateNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'established',
  2: 'syn_sent',
  3: 'syn_recv',
  4: 'fin_wait',
  5: 'time_wait',
  6: 'close',
  7: 'close_wait',
  8: 'last_ack',
  9: 'listen',
  10: 'synack',
  11: 'udp',
  12: 'icmp',
}

/** `enum lb_conn_flag`. */
export const ConnFlag = {
  live: 1,
  nooutput: 2,
  noReuse: 4,
  assured: 8,
} as const

export type ConnFlag = (typeof ConnFlag)[keyof typeof ConnFlag]

/** Names of `enum lb_conn_flag` by value, as printed. */
export const connFlagNames: Readonly<Record<number, string>> = {
  1: 'live',
  2: 'nooutput',
  4: 'no_reuse',
  8: 'assured',
}

/** `enum lb_probe_kind`. */
export const ProbeKind = {
  none: 0,
  real: 1,
  ping: 2,
} as const

export type ProbeKind = (typeof ProbeKind)[keyof typeof ProbeKind]

/** Names of `enum lb_probe_kind` by value, as printed. */
export const probeKindNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'real',
  2: 'ping',
}

/** `enum lb_fragment_way`. */
export const FragmentWay = {
  toReal: 0,
  toClient: 1,
  pass: 2,
} as const

export type FragmentWay = (typeof FragmentWay)[keyof typeof FragmentWay]

/** Names of `enum lb_fragment_way` by value, as printed. */
export const fragmentWayNames: Readonly<Record<number, string>> = {
  0: 'to_real',
  1: 'to_client',
  2: 'pass',
}

/** `enum lb_step`. */
export const Step = {
  vip: 1,
  conn: 2,
  expired: 4,
  reused: 8,
  realGone: 16,
  service: 32,
  template: 64,
  templateBad: 128,
  scheduled: 256,
  clash: 512,
  dest: 1024,
  quoted: 2048,
  ping: 4096,
} as const

export type Step = (typeof Step)[keyof typeof Step]

/** Names of `enum lb_step` by value, as printed. */
export const stepNames: Readonly<Record<number, string>> = {
  1: 'vip',
  2: 'conn',
  4: 'expired',
  8: 'reused',
  16: 'real_gone',
  32: 'service',
  64: 'template',
  128: 'template_bad',
  256: 'scheduled',
  512: 'clash',
  1024: 'dest',
  2048: 'quoted',
  4096: 'ping',
}

/** `enum lb_xdp_mode`. */
export const XdpMode = {
  native: 0,
  generic: 1,
} as const

export type XdpMode = (typeof XdpMode)[keyof typeof XdpMode]

/** Names of `enum lb_xdp_mode` by value, as printed. */
export const xdpModeNames: Readonly<Record<number, string>> = {
  0: 'native',
  1: 'generic',
}

/** `enum lb_verdict`. */
export const Verdict = {
  forwardKnown: 0,
  forwardNew: 1,
  forwardStateless: 2,
  forwardIcmpError: 3,
  forwardFragment: 4,
  forwardOnePacket: 5,
  forwardReply: 6,
  forwardReplyIcmpError: 7,
  forwardReplyFragment: 8,
  forwardProbe: 9,
  forwardProbeAnswer: 10,
  forwardPing: 11,
  replyArp: 16,
  replyNd: 17,
  replyEcho: 18,
  replyNoReal: 19,
  replyTtl: 20,
  replyReset: 21,
  replyUnmatched: 22,
  passNotIp: 32,
  passNotVip: 33,
  passOtherHost: 34,
  passProtocol: 35,
  passUnmatched: 36,
  passNoConn: 37,
  passIcmp: 38,
  passIncomplete: 39,
  passFragment: 40,
  passNoReal: 41,
  passPeer: 42,
  passNotReply: 43,
  passTooBig: 44,
  passTtl: 45,
  passPing: 46,
  dropMalformed: 64,
  dropFragment: 65,
  dropTtl: 66,
  dropNoReal: 67,
  dropNoNeighbour: 68,
  dropRealGone: 69,
  dropNoInterface: 70,
  dropEcho: 71,
  dropNotLinear: 72,
  dropLoop: 73,
  dropUnmatched: 74,
  dropIcmpNoConn: 75,
  dropIcmpChecksum: 76,
  dropClash: 77,
  dropTableFull: 78,
  dropNoRoute: 79,
  dropProbe: 80,
  dropPing: 81,
} as const

export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** Names of `enum lb_verdict` by value, as printed. */
export const verdictNames: Readonly<Record<number, string>> = {
  0: 'forward_known',
  1: 'forward_new',
  2: 'forward_stateless',
  3: 'forward_icmp_error',
  4: 'forward_fragment',
  5: 'forward_one_packet',
  6: 'forward_reply',
  7: 'forward_reply_icmp_error',
  8: 'forward_reply_fragment',
  9: 'forward_probe',
  10: 'forward_probe_answer',
  11: 'forward_ping',
  16: 'reply_arp',
  17: 'reply_nd',
  18: 'reply_echo',
  19: 'reply_no_real',
  20: 'reply_ttl',
  21: 'reply_reset',
  22: 'reply_unmatched',
  32: 'pass_not_ip',
  33: 'pass_not_vip',
  34: 'pass_other_host',
  35: 'pass_protocol',
  36: 'pass_unmatched',
  37: 'pass_no_conn',
  38: 'pass_icmp',
  39: 'pass_incomplete',
  40: 'pass_fragment',
  41: 'pass_no_real',
  42: 'pass_peer',
  43: 'pass_not_reply',
  44: 'pass_too_big',
  45: 'pass_ttl',
  46: 'pass_ping',
  64: 'drop_malformed',
  65: 'drop_fragment',
  66: 'drop_ttl',
  67: 'drop_no_real',
  68: 'drop_no_neighbour',
  69: 'drop_real_gone',
  70: 'drop_no_interface',
  71: 'drop_echo',
  72: 'drop_not_linear',
  73: 'drop_loop',
  74: 'drop_unmatched',
  75: 'drop_icmp_no_conn',
  76: 'drop_icmp_checksum',
  77: 'drop_clash',
  78: 'drop_table_full',
  79: 'drop_no_route',
  80: 'drop_probe',
  81: 'drop_ping',
}

/** `struct lb_addr`, 16 bytes. */
export interface Addr {
  word: number[]
}

/** Codec of {@link Addr}. */
export const addrCodec = new Codec<Addr>(
  struct('lb_addr', 16, {
    word: [0, array(be32, 4)],
  }),
)

/** `struct lb_conn_key`, 24 bytes. */
export interface ConnKey {
  client: Addr
  vip: number
  protocol: number
  kind: number
  clientPort: number
  port: number
}

/** Codec of {@link ConnKey}. */
export const connKeyCodec = new Codec<ConnKey>(
  struct('lb_conn_key', 24, {
    client: [0, addrCodec.layout],
    vip: [16, u16],
    protocol: [18, u8],
    kind: [19, u8],
    client_port: [20, be16],
    port: [22, be16],
  }),
)

/** `struct lb_conn`, 64 bytes. */
export interface Conn {
  key: ConnKey
  dest: number
  generation: number
  expires: number
  state: number
  flags: number
  seq: number
  mac: Uint8Array
  control: number
  reverse: number
  children: number
}

/** Codec of {@link Conn}. */
export const connCodec = new Codec<Conn>(
  struct('lb_conn', 64, {
    key: [0, connKeyCodec.layout],
    dest: [24, u32],
    generation: [28, u32],
    expires: [32, u32],
    state: [36, u8],
    flags: [37, u8],
    seq: [38, u16],
    mac: [40, bytes(6)],
    pad: [46, u16],
    control: [48, u32],
    reverse: [52, u32],
    children: [56, u32],
    pad2: [60, u32],
  }),
)

/** `struct lb_conn_bucket`, 576 bytes. */
export interface ConnBucket {
  tag: number[]
  overflow: number
  conn: Conn[]
}

/** Codec of {@link ConnBucket}. */
export const connBucketCodec = new Codec<ConnBucket>(
  struct('lb_conn_bucket', 576, {
    tag: [0, array(u32, 8)],
    overflow: [32, u32],
    pad: [36, array(u32, 7)],
    conn: [64, array(connCodec.layout, 8)],
  }),
)

/** `struct lb_dest_state`, 16 bytes. */
export interface DestState {
  conns: bigint
  persistent: number
  overloaded: number
  inSet: number
}

/** Codec of {@link DestState}. */
export const destStateCodec = new Codec<DestState>(
  struct('lb_dest_state', 16, {
    conns: [0, u64],
    persistent: [8, u32],
    overloaded: [12, u8],
    in_set: [13, u8],
    pad: [14, u16],
  }),
)

/** `struct lb_counters`, 40 bytes. */
export interface Counters {
  conns: bigint
  inPkts: bigint
  inBytes: bigint
  outPkts: bigint
  outBytes: bigint
}

/** Codec of {@link Counters}. */
export const countersCodec = new Codec<Counters>(
  struct('lb_counters', 40, {
    conns: [0, u64],
    in_pkts: [8, u64],
    in_bytes: [16, u64],
    out_pkts: [24, u64],
    out_bytes: [32, u64],
  }),
)

/** `struct lb_dest`, 64 bytes. */
export interface Dest {
  addr: Addr
  mac: Uint8Array
  srcMac: Uint8Array
  ifindex: number
  service: number
  generation: number
  port: number
  flags: number
  weight: number
  effectiveWeight: number
  upper: number
  lower: number
  forward: number
  sibling: number
}

/** Codec of {@link Dest}. */
export const destCodec = new Codec<Dest>(
  struct('lb_dest', 64, {
    addr: [0, addrCodec.layout],
    mac: [16, bytes(6)],
    src_mac: [22, bytes(6)],
    ifindex: [28, u32],
    service: [32, u32],
    generation: [36, u32],
    port: [40, be16],
    flags: [42, u16],
    weight: [44, u16],
    effective_weight: [46, u16],
    upper: [48, u32],
    lower: [52, u32],
    forward: [56, u8],
    pad: [57, bytes(3)],
    sibling: [60, u32],
  }),
)

/** `struct lb_explanation`, 32 bytes. */
export interface Explanation {
  steps: number
  verdict: number
  vip: number
  service: number
  dest: number
  templateDest: number
  connExpires: number
  connState: number
  connFlags: number
}

/** Codec of {@link Explanation}. */
export const explanationCodec = new Codec<Explanation>(
  struct('lb_explanation', 32, {
    steps: [0, u32],
    verdict: [4, u32],
    vip: [8, u32],
    service: [12, u32],
    dest: [16, u32],
    template_dest: [20, u32],
    conn_expires: [24, u32],
    conn_state: [28, u8],
    conn_flags: [29, u8],
    pad: [30, bytes(2)],
  }),
)

/** `struct lb_fragment_key`, 40 bytes. */
export interface FragmentKey {
  src: Addr
  dst: Addr
  id: number
  protocol: number
}

/** Codec of {@link FragmentKey}. */
export const fragmentKeyCodec = new Codec<FragmentKey>(
  struct('lb_fragment_key', 40, {
    src: [0, addrCodec.layout],
    dst: [16, addrCodec.layout],
    id: [32, u32],
    protocol: [36, u8],
    pad: [37, bytes(3)],
  }),
)

/** `struct lb_fragment`, 16 bytes. */
export interface Fragment {
  dest: number
  generation: number
  expires: number
  vip: number
  way: number
}

/** Codec of {@link Fragment}. */
export const fragmentCodec = new Codec<Fragment>(
  struct('lb_fragment', 16, {
    dest: [0, u32],
    generation: [4, u32],
    expires: [8, u32],
    vip: [12, u16],
    way: [14, u8],
    pad: [15, u8],
  }),
)

/** `struct lb_interface`, 24 bytes. */
export interface Interface {
  mac: Uint8Array
  mode: number
  name: string
}

/** Codec of {@link Interface}. */
export const interfaceCodec = new Codec<Interface>(
  struct('lb_interface', 24, {
    mac: [0, bytes(6)],
    mode: [6, u8],
    pad: [7, u8],
    name: [8, text(16)],
  }),
)

/** `struct lb_interface_slot`, 28 bytes. */
export interface InterfaceSlot {
  ifindex: number
  interface: Interface
}

/** Codec of {@link InterfaceSlot}. */
export const interfaceSlotCodec = new Codec<InterfaceSlot>(
  struct('lb_interface_slot', 28, {
    ifindex: [0, u32],
    interface: [4, interfaceCodec.layout],
  }),
)

/** `struct lb_limit_bucket`, 8 bytes. */
export interface LimitBucket {
  tick: number
  tokens: number
}

/** Codec of {@link LimitBucket}. */
export const limitBucketCodec = new Codec<LimitBucket>(
  struct('lb_limit_bucket', 8, {
    tick: [0, u32],
    tokens: [4, u32],
  }),
)

/** `struct lb_meta`, 80 bytes. */
export interface Meta {
  abiVersion: number
  netns: bigint
  objectDigest: string
}

/** Codec of {@link Meta}. */
export const metaCodec = new Codec<Meta>(
  struct('lb_meta', 80, {
    abi_version: [0, u32],
    pad: [4, u32],
    netns: [8, u64],
    object_digest: [16, text(64)],
  }),
)

/** `struct lb_peer_key`, 8 bytes. */
export interface PeerKey {
  mac: Uint8Array
}

/** Codec of {@link PeerKey}. */
export const peerKeyCodec = new Codec<PeerKey>(
  struct('lb_peer_key', 8, {
    mac: [0, bytes(6)],
    pad: [6, bytes(2)],
  }),
)

/** `struct lb_ping_source_key`, 20 bytes. */
export interface PingSourceKey {
  prefixLen: number
  addr: Addr
}

/** Codec of {@link PingSourceKey}. */
export const pingSourceKeyCodec = new Codec<PingSourceKey>(
  struct('lb_ping_source_key', 20, {
    prefix_len: [0, u32],
    addr: [4, addrCodec.layout],
  }),
)

/** `struct lb_probe_source`, 4 bytes. */
export interface ProbeSource {
  ifindex: number
}

/** Codec of {@link ProbeSource}. */
export const probeSourceCodec = new Codec<ProbeSource>(
  struct('lb_probe_source', 4, {
    ifindex: [0, u32],
  }),
)

/** `struct lb_probe`, 40 bytes. */
export interface Probe {
  dst: Addr
  dest: number
  generation: number
  port: number
  protocol: number
  kind: number
  ifindex: number
  mac: Uint8Array
}

/** Codec of {@link Probe}. */
export const probeCodec = new Codec<Probe>(
  struct('lb_probe', 40, {
    dst: [0, addrCodec.layout],
    dest: [16, u32],
    generation: [20, u32],
    port: [24, be16],
    protocol: [26, u8],
    kind: [27, u8],
    ifindex: [28, u32],
    mac: [32, bytes(6)],
    pad: [38, bytes(2)],
  }),
)

/** `struct lb_reverse_slot`, 8 bytes. */
export interface ReverseSlot {
  tag: number
  conn: number
}

/** Codec of {@link ReverseSlot}. */
export const reverseSlotCodec = new Codec<ReverseSlot>(
  struct('lb_reverse_slot', 8, {
    tag: [0, u32],
    conn: [4, u32],
  }),
)

/** `struct lb_reverse_bucket`, 64 bytes. */
export interface ReverseBucket {
  slot: ReverseSlot[]
}

/** Codec of {@link ReverseBucket}. */
export const reverseBucketCodec = new Codec<ReverseBucket>(
  struct('lb_reverse_bucket', 64, {
    slot: [0, array(reverseSlotCodec.layout, 8)],
  }),
)

/** `struct lb_ring_chunk`, 256 bytes. */
export interface RingChunk {
  slot: number[]
}

/** Codec of {@link RingChunk}. */
export const ringChunkCodec = new Codec<RingChunk>(
  struct('lb_ring_chunk', 256, {
    slot: [0, array(u32, 64)],
  }),
)

/** `struct lb_route_key`, 48 bytes. */
export interface RouteKey {
  dst: Addr
  src: Addr
  ifindex: number
  flow: number
  tick: number
  protocol: number
  family: number
}

/** Codec of {@link RouteKey}. */
export const routeKeyCodec = new Codec<RouteKey>(
  struct('lb_route_key', 48, {
    dst: [0, addrCodec.layout],
    src: [16, addrCodec.layout],
    ifindex: [32, u32],
    flow: [36, be32],
    tick: [40, u32],
    protocol: [44, u16],
    family: [46, u16],
  }),
)

/** `struct lb_route`, 80 bytes. */
export interface Route {
  key: RouteKey
  ifindex: number
  fits: number
  nextFamily: number
  nextHop: number[]
}

/** Codec of {@link Route}. */
export const routeCodec = new Codec<Route>(
  struct('lb_route', 80, {
    key: [0, routeKeyCodec.layout],
    ifindex: [48, u32],
    fits: [52, u32],
    pad: [56, u32],
    next_family: [60, u32],
    next_hop: [64, array(be32, 4)],
  }),
)

/** `struct lb_sched_state`, 24 bytes. */
export interface SchedState {
  cursor: bigint
  dest: number
  generation: number
  used: number
  modified: number
}

/** Codec of {@link SchedState}. */
export const schedStateCodec = new Codec<SchedState>(
  struct('lb_sched_state', 24, {
    cursor: [0, u64],
    dest: [8, u32],
    generation: [12, u32],
    used: [16, u32],
    modified: [20, u32],
  }),
)

/** `struct lb_service_key`, 8 bytes. */
export interface ServiceKey {
  vip: number
  port: number
  protocol: number
  era: number
}

/** Codec of {@link ServiceKey}. */
export const serviceKeyCodec = new Codec<ServiceKey>(
  struct('lb_service_key', 8, {
    vip: [0, u16],
    port: [2, be16],
    protocol: [4, u8],
    era: [5, u8],
    pad: [6, bytes(2)],
  }),
)

/** `struct lb_service`, 112 bytes. */
export interface Service {
  id: number
  ring: number
  ringSize: number
  scheduler: number
  forward: number
  flags: number
  persistenceTicks: number
  persistenceScope: number
  persistencePrefix: number
  tableSize: number
  ringDigest: bigint
  ringCrc: number
  persistenceSeconds: number
  name: string
}

/** Codec of {@link Service}. */
export const serviceCodec = new Codec<Service>(
  struct('lb_service', 112, {
    id: [0, u32],
    ring: [4, u32],
    ring_size: [8, u32],
    scheduler: [12, u8],
    forward: [13, u8],
    flags: [14, u16],
    persistence_ticks: [16, u32],
    persistence_scope: [20, u32],
    persistence_prefix: [24, u8],
    pad: [25, bytes(3)],
    table_size: [28, u32],
    ring_digest: [32, u64],
    ring_crc: [40, u32],
    persistence_seconds: [44, u32],
    name: [48, text(64)],
  }),
)

/** `struct lb_settings`, 112 bytes. */
export interface Settings {
  hashSeed: bigint
  timeoutTicks: number[]
  era: number
  connBuckets: number
  hz: number
  peers: number
  rearmTicks: number
  fragmentTicks: number
  lblcTicks: number
  answerTokens: number
  pingSources: number
  probeFirst: number
  probeCount: number
  probeMac: Uint8Array
}

/** Codec of {@link Settings}. */
export const settingsCodec = new Codec<Settings>(
  struct('lb_settings', 112, {
    hash_seed: [0, u64],
    timeout_ticks: [8, array(u32, 13)],
    era: [60, u32],
    conn_buckets: [64, u32],
    hz: [68, u32],
    peers: [72, u32],
    rearm_ticks: [76, u32],
    fragment_ticks: [80, u32],
    lblc_ticks: [84, u32],
    answer_tokens: [88, u32],
    ping_sources: [92, u32],
    probe_first: [96, u16],
    probe_count: [98, u16],
    probe_mac: [100, bytes(6)],
    pad: [106, bytes(6)],
  }),
)

/** `struct bpf_timer`, 16 bytes. */
export interface BpfTimer {
}

/** Codec of {@link BpfTimer}. */
export const bpfTimerCodec = new Codec<BpfTimer>(
  struct('bpf_timer', 16, {
  }),
)

/** `struct lb_sweeper`, 32 bytes. */
export interface Sweeper {
  timer: BpfTimer
  freed: bigint
  cursor: number
  passes: number
}

/** Codec of {@link Sweeper}. */
export const sweeperCodec = new Codec<Sweeper>(
  struct('lb_sweeper', 32, {
    timer: [0, bpfTimerCodec.layout],
    freed: [16, u64],
    cursor: [24, u32],
    passes: [28, u32],
  }),
)

/** `struct lb_vip_slot`, 24 bytes. */
export interface VipSlot {
  addr: Addr
  id: number
  family: number
  present: number
}

/** Codec of {@link VipSlot}. */
export const vipSlotCodec = new Codec<VipSlot>(
  struct('lb_vip_slot', 24, {
    addr: [0, addrCodec.layout],
    id: [16, u16],
    family: [18, u8],
    present: [19, u8],
    pad: [20, bytes(4)],
  }),
)

/** `struct lb_vip_bucket`, 104 bytes. */
export interface VipBucket {
  overflow: number
  slot: VipSlot[]
}

/** Codec of {@link VipBucket}. */
export const vipBucketCodec = new Codec<VipBucket>(
  struct('lb_vip_bucket', 104, {
    overflow: [0, u32],
    pad: [4, u32],
    slot: [8, array(vipSlotCodec.layout, 4)],
  }),
)

/** `struct lb_vip`, 24 bytes. */
export interface Vip {
  addr: Addr
  flags: number
  echo: number
  up: number
}

/** Codec of {@link Vip}. */
export const vipCodec = new Codec<Vip>(
  struct('lb_vip', 24, {
    addr: [0, addrCodec.layout],
    flags: [16, u8],
    echo: [17, u8],
    up: [18, u8],
    pad: [19, bytes(5)],
  }),
)

/** Everything in build/bpf/xdp_lb.o, for `Collection.load`. */
export const xdpLb = {
  name: 'xdp_lb',
  maps: {
    conns: plainMap({ name: 'conns', type: MapType.array, flags: 0x400 }, u32Codec, connBucketCodec),
    destState: plainMap(
      { name: 'dest_state', type: MapType.array, flags: 0x0 },
      u32Codec,
      destStateCodec,
    ),
    destStats: perCpuMap(
      { name: 'dest_stats', type: MapType.percpuArray, flags: 0x0 },
      u32Codec,
      countersCodec,
    ),
    dests: plainMap({ name: 'dests', type: MapType.array, flags: 0x80 }, u32Codec, destCodec),
    explanation: plainMap(
      { name: 'explanation', type: MapType.array, flags: 0x0 },
      u32Codec,
      explanationCodec,
    ),
    fragments: plainMap(
      { name: 'fragments', type: MapType.lruHash, flags: 0x0 },
      fragmentKeyCodec,
      fragmentCodec,
    ),
    interfaces: plainMap(
      { name: 'interfaces', type: MapType.array, flags: 0x80 },
      u32Codec,
      interfaceSlotCodec,
    ),
    limits: plainMap({ name: 'limits', type: MapType.array, flags: 0x0 }, u32Codec, limitBucketCodec),
    meta: plainMap({ name: 'meta', type: MapType.array, flags: 0x80 }, u32Codec, metaCodec),
    peers: plainMap({ name: 'peers', type: MapType.hash, flags: 0x80 }, peerKeyCodec, u32Codec),
    pingSources: plainMap(
      { name: 'ping_sources', type: MapType.lpmTrie, flags: 0x81 },
      pingSourceKeyCodec,
      u32Codec,
    ),
    probePort: plainMap({ name: 'probe_port', type: MapType.devmap, flags: 0x0 }, u32Codec, u32Codec),
    probeSources: plainMap(
      { name: 'probe_sources', type: MapType.hash, flags: 0x80 },
      addrCodec,
      probeSourceCodec,
    ),
    probes: plainMap({ name: 'probes', type: MapType.array, flags: 0x80 }, u32Codec, probeCodec),
    reverse: plainMap(
      { name: 'reverse', type: MapType.array, flags: 0x400 },
      u32Codec,
      reverseBucketCodec,
    ),
    rings: mapOfMaps(
      { name: 'rings', type: MapType.arrayOfMaps, flags: 0x0 },
      u32Codec,
      u32Codec,
      plainMap(
        { name: 'rings.inner', type: MapType.array, flags: 0x1080 },
        u32Codec,
        ringChunkCodec,
      ),
    ),
    routes: perCpuMap(
      { name: 'routes', type: MapType.percpuArray, flags: 0x0 },
      u32Codec,
      routeCodec,
    ),
    schedState: plainMap(
      { name: 'sched_state', type: MapType.array, flags: 0x0 },
      u32Codec,
      schedStateCodec,
    ),
    services: plainMap(
      { name: 'services', type: MapType.hash, flags: 0x80 },
      serviceKeyCodec,
      serviceCodec,
    ),
    settings: plainMap({ name: 'settings', type: MapType.array, flags: 0x80 }, u32Codec, settingsCodec),
    svcStats: perCpuMap(
      { name: 'svc_stats', type: MapType.percpuArray, flags: 0x0 },
      u32Codec,
      countersCodec,
    ),
    sweeper: plainMap({ name: 'sweeper', type: MapType.array, flags: 0x0 }, u32Codec, sweeperCodec),
    txPorts: plainMap({ name: 'tx_ports', type: MapType.devmapHash, flags: 0x0 }, u32Codec, u32Codec),
    verdicts: perCpuMap(
      { name: 'verdicts', type: MapType.percpuArray, flags: 0x0 },
      u32Codec,
      u64Codec,
    ),
    vipBuckets: plainMap(
      { name: 'vip_buckets', type: MapType.array, flags: 0x80 },
      u32Codec,
      vipBucketCodec,
    ),
    vips: plainMap({ name: 'vips', type: MapType.array, flags: 0x80 }, u32Codec, vipCodec),
  },
  programs: {
    lbClock: { name: 'lb_clock', section: 'xdp.frags' },
    lbRingIds: { name: 'lb_ring_ids', section: 'xdp.frags' },
    lbSweep: { name: 'lb_sweep', section: 'xdp.frags' },
    lbSweepStart: { name: 'lb_sweep_start', section: 'xdp.frags' },
    xdpLb: { name: 'xdp_lb', section: 'xdp.frags' },
  },
}

/** Everything in build/bpf/tc_reply.o, for `Collection.load`. */
export const tcReply = {
  name: 'tc_reply',
  maps: xdpLb.maps,
  programs: {
    tcReplyEgress: { name: 'tc_reply_egress', section: 'tc' },
    tcReplyIngress: { name: 'tc_reply_ingress', section: 'tc' },
  },
}

/** Everything in build/bpf/xdp_ping.o, for `Collection.load`. */
export const xdpPing = {
  name: 'xdp_ping',
  maps: xdpLb.maps,
  programs: {
    xdpPingTx: { name: 'xdp_ping_tx', section: 'xdp.frags' },
  },
}
