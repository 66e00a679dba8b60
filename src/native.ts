/**
 * The typed face of the native addon (native/), and the only file that requires it.
 *
 * The addon is thin: one class per kernel object, no policy. Lengths are checked in C++,
 * since that layer hands pointers to the kernel. A closed handle throws `EBADF` on every
 * use; `close()` may be called twice. Failures throw {@link NativeError}.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { SocketFilterInstruction } from './net/socket-filter.js'
import { PACKAGE_ROOT } from './package-root.js'

/** What every failing call of the addon throws (or rejects with): an `Error` with these fields. */
export interface NativeError extends Error {
  /** Symbolic errno, e.g. `ENOENT`. */
  code: string
  /** Positive errno. */
  errno: number
  /** What was called, e.g. `bpf_map_update_elem`. */
  syscall: string
  /** What it was called on: a map's, program's or interface's name, or a path. */
  object: string
  /** updateBatch and deleteBatch only: how many elements were done before the failure. */
  done?: number
  /** Only when loading an object failed at the verifier: the program and its whole log. */
  program?: string
  verifierLog?: string
}

export interface NativeMapInfo {
  id: number
  /** `enum bpf_map_type`. */
  type: number
  name: string
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
  btfId: number
  btfKeyTypeId: number
  btfValueTypeId: number
}

export interface NativeProgramInfo {
  id: number
  /** `enum bpf_prog_type`. */
  type: number
  name: string
  /** The kernel's tag: a hash over the instructions, hex. */
  tag: string
  jitedBytes: number
  translatedBytes: number
  verifiedInstructions: number
  mapIds: number[]
}

export interface NativeLinkInfo {
  id: number
  /** `enum bpf_link_type`. */
  type: number
  programId: number
  /** XDP and TCX links only; 0 once the interface is gone. */
  ifindex: number
  /** TCX only: `enum bpf_attach_type`. */
  attachType?: number
}

/** Keys and values packed one after the other. */
export interface NativeBatch {
  keys: Buffer
  values: Buffer
  count: number
  /** Pass to the next call; `undefined`: that was the last batch. */
  cursor: Buffer | undefined
}

export interface NativeMap {
  readonly fd: number
  info(): NativeMapInfo
  /** Bytes of one value as user space sees it: for per-CPU maps valueSize rounded up to 8, times possible CPUs. */
  readonly valueBytes: number
  lookup(key: Uint8Array): Buffer | undefined
  /**
   * flags: BPF_ANY 0, BPF_NOEXIST 1, BPF_EXIST 2.
   * For maps of maps the value is the inner map's fd, 4 bytes native order (a lookup answers with its id).
   */
  update(key: Uint8Array, value: Uint8Array, flags: number): void
  /** False when there was no such key. */
  delete(key: Uint8Array): boolean
  /** The key after `key` (from the start: `undefined`); `undefined` at the end. */
  nextKey(key: Uint8Array | undefined): Buffer | undefined
  /** Up to `count` elements; more from a hash map, when one of its buckets alone holds more than `count`. */
  lookupBatch(cursor: Buffer | undefined, count: number): NativeBatch
  /** The same off the event loop, for long dumps. */
  lookupBatchAsync(cursor: Buffer | undefined, count: number): Promise<NativeBatch>
  /** Returns how many were written; throws if fewer than `count` (the error's `done` says how many). */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number, flags: number): number
  deleteBatch(keys: Uint8Array, count: number): number
  freeze(): void
  pin(path: string): void
  close(): void
}

export interface NativeMapOptions {
  type: number
  name: string
  keySize: number
  valueSize: number
  maxEntries: number
  flags?: number
  /** Maps of maps: the inner map's template. */
  innerMap?: NativeMap
}

export interface NativeTestRunOptions {
  data?: Uint8Array
  /** The program's context struct, in. */
  context?: Uint8Array
  /** Room for the packet afterwards; default: data.length + 512 (0 with live frames). */
  dataOutSize?: number
  repeat?: number
  /** BPF_F_TEST_XDP_LIVE_FRAMES 2. */
  flags?: number
  batchSize?: number
  cpu?: number
}

export interface NativeTestRunResult {
  retval: number
  data: Buffer
  context: Buffer
  /** The kernel's own mean per repeat, nanoseconds. */
  durationNs: number
}

export interface NativeProgram {
  readonly fd: number
  info(): NativeProgramInfo
  testRun(options: NativeTestRunOptions): NativeTestRunResult
  /** The same off the event loop, for long repeats; in the calling thread's network namespace all the same. */
  testRunAsync(options: NativeTestRunOptions): Promise<NativeTestRunResult>
  pin(path: string): void
  close(): void
}

export interface NativeLink {
  readonly fd: number
  info(): NativeLinkInfo
  /** Replaces the program in place; fails with EPERM unless `old` (if given) is the current one. */
  update(program: NativeProgram, old?: NativeProgram): void
  pin(path: string): void
  /** Detaches at once although pins or other fds hold the link. */
  detach(): void
  /** Closes our fd; an unpinned link is thereby detached. */
  close(): void
}

/** One `bpf_object` of libbpf between open and load. */
export interface NativeObject {
  mapNames(): string[]
  programNames(): string[]
  setMapMaxEntries(map: string, maxEntries: number): void
  /** Bytes of `.rodata` and the like; must be exactly as long as the section. */
  setMapInitialValue(map: string, value: Uint8Array): void
  mapInitialValue(map: string): Buffer
  /** Uses a live map in place of the object's own, which from then on goes by the live map's name. */
  reuseMap(map: string, live: NativeMap): void
  setProgramAutoload(program: string, load: boolean): void
  /**
   * Off the event loop; meanwhile all else throws EBUSY, but `close()` makes it reject with ECANCELED.
   * Rejects with a NativeError that carries program and verifierLog when the verifier said no.
   */
  load(options?: { logLevel?: number }): Promise<void>
  /** After load: a new handle with its own fd. */
  map(name: string): NativeMap
  program(name: string): NativeProgram
  /** After load: the verifier's log of a program (empty unless logLevel > 0). */
  programLog(name: string): string
  close(): void
}

/** Raw frames of one interface (AF_PACKET, SOCK_RAW), read on the event loop. Opened in the thread's current netns. */
export interface NativePacketSocket {
  send(frame: Uint8Array): void
  close(): void
}

export interface NativeBinding {
  versions(): { libbpf: string; napi: number }
  possibleCpus(): number
  /** The calling thread's effective capabilities, as a bit mask (CAP_NET_ADMIN is bit 12). */
  effectiveCapabilities(): bigint
  /**
   * Runs `callback` with this thread in the network namespace at `path` (e.g. /run/netns/x), and always comes back.
   * The mount namespace stays. Synchronous by nature: a callback that returns a promise is an error.
   */
  withNetns<T>(path: string, callback: () => T): T
  interfaceIndex(name: string): number
  interfaceName(ifindex: number): string
  /** SIOCADDMULTI / SIOCDELMULTI: lets a multicast MAC through the NIC's filter. */
  setMulticastMac(interfaceName: string, mac: Uint8Array, add: boolean): void
  /** SIOCETHTOOL: whether generic receive offload and the offload of any transmit checksum are on. */
  interfaceOffloads(interfaceName: string): { gro: boolean; txChecksums: boolean }
  /**
   * flock(LOCK_EX | LOCK_NB) on a file made if missing; throws EWOULDBLOCK when another holds it.
   * The holder may remove the file before it closes: a lock on a file that is no longer there is not given.
   */
  lockFile(path: string): { close(): void }
  /**
   * One datagram to the AF_UNIX socket of a service manager, `/PATH` or `@NAME` in the abstract namespace (sd_notify(3)).
   * Never waits: EAGAIN when the manager's queue is full.
   */
  notifyService(socket: string, message: string): void

  createMap(options: NativeMapOptions): NativeMap
  openPinnedMap(path: string): NativeMap
  mapById(id: number): NativeMap
  openPinnedProgram(path: string): NativeProgram
  programById(id: number): NativeProgram
  /** flags: XDP_FLAGS_SKB_MODE 2, XDP_FLAGS_DRV_MODE 4. */
  createXdpLink(program: NativeProgram, ifindex: number, flags: number): NativeLink
  createTcxLink(program: NativeProgram, ifindex: number, direction: 'ingress' | 'egress'): NativeLink
  openPinnedLink(path: string): NativeLink
  /** The id of the XDP program on an interface, 0 if none, and how it is attached; ENODEV without the interface. */
  queryXdp(ifindex: number): { programId: number; mode: 'none' | 'native' | 'generic' | 'offload' | 'multi' }
  /**
   * clsact, for kernels without TCX (before 6.6). Replaces a filter of the same handle and priority, in one step.
   * Returns whether it had to make the qdisc, which is for both directions.
   */
  attachClsact(
    program: NativeProgram, ifindex: number, direction: 'ingress' | 'egress', handle: number, priority: number,
  ): boolean
  detachClsact(ifindex: number, direction: 'ingress' | 'egress', handle: number, priority: number): void
  /** The id of the program of a filter; 0 when there is no such filter, or no qdisc. */
  queryClsact(ifindex: number, direction: 'ingress' | 'egress', handle: number, priority: number): number
  /** Removes the qdisc and with it every filter of both directions, whoever made it. */
  removeClsact(ifindex: number): void
  openObject(elf: Uint8Array, name: string): NativeObject
  /** Calls back on the event loop for each record of a BPF_MAP_TYPE_RINGBUF map. */
  openRingBuffer(map: NativeMap, onRecord: (record: Buffer) => void): { close(): void }
  /**
   * protocol: EtherType in host order, e.g. 0x0806; 0x0003 for all.
   * filter: what frames the kernel hands over at all, from the Ethernet header on; default: every frame.
   */
  openPacketSocket(
    ifindex: number, protocol: number, onFrame: (frame: Buffer) => void, filter?: readonly SocketFilterInstruction[],
  ): NativePacketSocket
  /** libbpf's own messages (level 0 warn, 1 info, 2 debug), otherwise dropped. */
  setLogger(logger: ((level: number, message: string) => void) | undefined): void
}

const addonPath = fileURLToPath(new URL('build/Release/veer.node', PACKAGE_ROOT))

function load(): NativeBinding {
  try {
    return createRequire(import.meta.url)(addonPath) as NativeBinding
  } catch (cause) {
    throw new Error(
      `cannot load the native addon ${addonPath}: ${(cause as Error).message.split('\n')[0]}; ` +
        'run scripts/setup (it needs libbpf 1.1 or newer)',
      { cause },
    )
  }
}

let binding: NativeBinding | undefined

/** The addon, loaded at first use, so that what needs no kernel (check, docs, tests) needs no addon either. */
export function native(): NativeBinding {
  binding ??= load()
  return binding
}
