/**
 * Generated from the BTF of bpf/xdp_lb.c (bpf/abi.h, bpf/maps.h) by scripts/gen.ts; do not edit.
 * Numbers are in host order whatever their order on the wire; 64-bit integers are bigints.
 */
import { array, be16, be32, bytes, struct, text, u16, u32, u64, u8 } from '../btf/layout.js'
import { Codec, u32Codec, u64Codec } from './codec.js'
import { mapOfMaps, perCpuMap, plainMap } from './descriptor.js'
import { MapType } from './map-type.js'

/** `enum lb_limit`. */
export const Limit = {
  abiVersion: 1,
  maxVips: 4096,
  maxServices: 4096,
  maxDests: 65536,
  maxInterfaces: 64,
  maxRings: 8192,
  ringChunk: 64,
  ringMax: 131072,
  vipBuckets: 8192,
  vipWays: 4,
  connWays: 8,
  connLoad: 5,
  tickJiffies: 16,
  maxVerdicts: 128,
} as const

/** `enum lb_vip_flag`. */
export const VipFlag = {
  announce: 1,
  bind: 2,
  bound: 4,
} as const

export type VipFlag = (typeof VipFlag)[keyof typeof VipFlag]

/** Names of `enum lb_vip_flag` by value, as printed. */
export const vipFlagNames: Readonly<Record<number, string>> = {
  1: 'announce',
  2: 'bind',
  4: 'bound',
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
} as const

export type Scheduler = (typeof Scheduler)[keyof typeof Scheduler]

/** Names of `enum lb_scheduler` by value, as printed. */
export const schedulerNames: Readonly<Record<number, string>> = {
  0: 'mh',
  1: 'rr',
  2: 'wrr',
  3: 'sh',
  4: 'dh',
}

/** `enum lb_forward`. */
export const Forward = {
  dr: 0,
} as const

export type Forward = (typeof Forward)[keyof typeof Forward]

/** Names of `enum lb_forward` by value, as printed. */
export const forwardNames: Readonly<Record<number, string>> = {
  0: 'dr',
}

/** `enum lb_service_flag`. */
export const ServiceFlag = {
  sloppy: 1,
  ports: 2,
} as const

export type ServiceFlag = (typeof ServiceFlag)[keyof typeof ServiceFlag]

/** Names of `enum lb_service_flag` by value, as printed. */
export const serviceFlagNames: Readonly<Record<number, string>> = {
  1: 'sloppy',
  2: 'ports',
}

/** `enum lb_dest_flag`. */
export const DestFlag = {
  live: 1,
  neighbour: 2,
} as const

export type DestFlag = (typeof DestFlag)[keyof typeof DestFlag]

/** Names of `enum lb_dest_flag` by value, as printed. */
export const destFlagNames: Readonly<Record<number, string>> = {
  1: 'live',
  2: 'neighbour',
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
  replyArp: 16,
  replyNd: 17,
  replyEcho: 18,
  passNotIp: 32,
  passNotVip: 33,
  passOtherHost: 34,
  passProtocol: 35,
  passUnmatched: 36,
  passNoConn: 37,
  passIcmp: 38,
  passIncomplete: 39,
  dropMalformed: 64,
  dropFragment: 65,
  dropTtl: 66,
  dropNoReal: 67,
  dropNoNeighbour: 68,
  dropRealGone: 69,
  dropNoInterface: 70,
  dropEcho: 71,
  dropNotLinear: 72,
} as const

export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** Names of `enum lb_verdict` by value, as printed. */
export const verdictNames: Readonly<Record<number, string>> = {
  0: 'forward_known',
  1: 'forward_new',
  2: 'forward_stateless',
  16: 'reply_arp',
  17: 'reply_nd',
  18: 'reply_echo',
  32: 'pass_not_ip',
  33: 'pass_not_vip',
  34: 'pass_other_host',
  35: 'pass_protocol',
  36: 'pass_unmatched',
  37: 'pass_no_conn',
  38: 'pass_icmp',
  39: 'pass_incomplete',
  64: 'drop_malformed',
  65: 'drop_fragment',
  66: 'drop_ttl',
  67: 'drop_no_real',
  68: 'drop_no_neighbour',
  69: 'drop_real_gone',
  70: 'drop_no_interface',
  71: 'drop_echo',
  72: 'drop_not_linear',
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
  clientPort: number
  port: number
}

/** Codec of {@link ConnKey}. */
export const connKeyCodec = new Codec<ConnKey>(
  struct('lb_conn_key', 24, {
    client: [0, addrCodec.layout],
    vip: [16, u16],
    protocol: [18, u8],
    pad: [19, u8],
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
  mac: Uint8Array
  state: number
}

/** Codec of {@link Conn}. */
export const connCodec = new Codec<Conn>(
  struct('lb_conn', 64, {
    key: [0, connKeyCodec.layout],
    dest: [24, u32],
    generation: [28, u32],
    expires: [32, u32],
    mac: [36, bytes(6)],
    state: [42, u8],
    pad: [43, bytes(21)],
  }),
)

/** `struct lb_conn_bucket`, 576 bytes. */
export interface ConnBucket {
  tag: number[]
  conn: Conn[]
}

/** Codec of {@link ConnBucket}. */
export const connBucketCodec = new Codec<ConnBucket>(
  struct('lb_conn_bucket', 576, {
    tag: [0, array(u32, 8)],
    pad: [32, array(u32, 8)],
    conn: [64, array(connCodec.layout, 8)],
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
    pad: [48, bytes(16)],
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

/** `struct lb_service`, 96 bytes. */
export interface Service {
  id: number
  ring: number
  ringSize: number
  scheduler: number
  forward: number
  flags: number
  ringDigest: bigint
  ringCrc: number
  tableSize: number
  name: string
}

/** Codec of {@link Service}. */
export const serviceCodec = new Codec<Service>(
  struct('lb_service', 96, {
    id: [0, u32],
    ring: [4, u32],
    ring_size: [8, u32],
    scheduler: [12, u8],
    forward: [13, u8],
    flags: [14, u16],
    ring_digest: [16, u64],
    ring_crc: [24, u32],
    table_size: [28, u32],
    name: [32, text(64)],
  }),
)

/** `struct lb_settings`, 72 bytes. */
export interface Settings {
  hashSeed: bigint
  timeoutTicks: number[]
  era: number
  connBuckets: number
  hz: number
}

/** Codec of {@link Settings}. */
export const settingsCodec = new Codec<Settings>(
  struct('lb_settings', 72, {
    hash_seed: [0, u64],
    timeout_ticks: [8, array(u32, 12)],
    era: [56, u32],
    conn_buckets: [60, u32],
    hz: [64, u32],
    pad: [68, u32],
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
    cursors: plainMap({ name: 'cursors', type: MapType.array, flags: 0x0 }, u32Codec, u64Codec),
    destStats: perCpuMap(
      { name: 'dest_stats', type: MapType.percpuArray, flags: 0x0 },
      u32Codec,
      countersCodec,
    ),
    dests: plainMap({ name: 'dests', type: MapType.array, flags: 0x80 }, u32Codec, destCodec),
    interfaces: plainMap(
      { name: 'interfaces', type: MapType.hash, flags: 0x80 },
      u32Codec,
      interfaceCodec,
    ),
    meta: plainMap({ name: 'meta', type: MapType.array, flags: 0x80 }, u32Codec, metaCodec),
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
    xdpLb: { name: 'xdp_lb', section: 'xdp.frags' },
  },
}
