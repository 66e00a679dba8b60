/** The program under test and the bench's own programs, loaded. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytes, struct, u32 } from '../src/btf/layout.js'
import { DEFAULTS } from '../src/config/defaults.js'
import { measureHz } from '../src/dataplane/clock.js'
import { connBuckets } from '../src/dataplane/conn-table.js'
import { EMPTY_SETTINGS } from '../src/dataplane/instance.js'
import { CollectionSpec } from '../src/loader/collection-spec.js'
import { Collection } from '../src/loader/collection.js'
import { Codec, u32Codec, u64Codec } from '../src/maps/codec.js'
import type { ObjectDescriptor } from '../src/maps/descriptor.js'
import { perCpuMap, plainMap } from '../src/maps/descriptor.js'
import { tcReply, xdpLb } from '../src/maps/generated.js'
import { MapType } from '../src/maps/map-type.js'

/** Of the frame in a {@link BenchFrame}, which may be shorter. */
export const TEMPLATE_BYTES = 112

/** `struct bench_frame`: the frame that the wrapper makes anew for every repeat, and its flows. */
export interface BenchFrame {
  bytes: Uint8Array
  /** 4 or 6: client address and port vary; 0: they do not. */
  family: number
  /** A power of two less 1. */
  flowMask: number
  random: number
  /** Live frames: index into `generatorOut`. */
  way: number
}

const frameCodec = new Codec<BenchFrame>(
  struct('bench_frame', TEMPLATE_BYTES + 16, {
    bytes: [0, bytes(TEMPLATE_BYTES)],
    family: [TEMPLATE_BYTES, u32],
    flow_mask: [TEMPLATE_BYTES + 4, u32],
    random: [TEMPLATE_BYTES + 8, u32],
    way: [TEMPLATE_BYTES + 12, u32],
  }),
)

const realCodec = new Codec<{ mac: Uint8Array; srcMac: Uint8Array }>(
  struct('bench_real', 12, { mac: [0, bytes(6)], src_mac: [6, bytes(6)] }),
)

const frame = plainMap({ name: 'frame', type: MapType.array, flags: 0 }, u32Codec, frameCodec)

/** bench/bpf/testrun.c */
export const testrunObject = {
  name: 'testrun',
  maps: {
    frame,
    target: plainMap({ name: 'target', type: MapType.progArray, flags: 0 }, u32Codec, u32Codec),
    tcTarget: plainMap({ name: 'tc_target', type: MapType.progArray, flags: 0 }, u32Codec, u32Codec),
  },
  programs: {
    wrapper: { name: 'wrapper', section: 'xdp.frags' },
    wrapperLong: { name: 'wrapper_long', section: 'xdp.frags' },
    txOnly: { name: 'tx_only', section: 'xdp.frags' },
    tcWrapper: { name: 'tc_wrapper', section: 'tc' },
    tcOkOnly: { name: 'tc_ok_only', section: 'tc' },
  },
}

/** bench/bpf/yardstick.c; its maps are its own. */
export const yardstickObject = {
  name: 'yardstick',
  maps: {},
  programs: {
    yardNothing: { name: 'yard_nothing', section: 'xdp' },
    yardFill: { name: 'yard_fill', section: 'xdp' },
    yardLookup: { name: 'yard_lookup', section: 'xdp' },
    yardInsert: { name: 'yard_insert', section: 'xdp' },
  },
}

/** bench/bpf/live.c */
export const liveObject = {
  name: 'live',
  maps: {
    frame,
    reals: plainMap({ name: 'bench_reals', type: MapType.array, flags: 0 }, u32Codec, realCodec),
    generatorOut: plainMap({ name: 'generator_out', type: MapType.devmap, flags: 0 }, u32Codec, u32Codec),
    wayOut: plainMap({ name: 'way_out', type: MapType.devmap, flags: 0 }, u32Codec, u32Codec),
    delivered: perCpuMap({ name: 'delivered', type: MapType.percpuArray, flags: 0 }, u32Codec, u64Codec),
  },
  programs: {
    generate: { name: 'generate', section: 'xdp' },
    sink: { name: 'sink', section: 'xdp' },
    bounce: { name: 'bounce', section: 'xdp' },
    drLimit: { name: 'dr_limit', section: 'xdp' },
  },
}

const built = (name: string): URL => new URL(`../build/bpf/${name}.o`, import.meta.url)

/** The dataplane as built. */
export const DATAPLANE_OBJECT = fileURLToPath(built('xdp_lb'))

function load<D extends ObjectDescriptor>(path: string | URL, descriptor: D): Promise<Collection<D>> {
  return Collection.load(CollectionSpec.parse(readFileSync(path), descriptor.name), descriptor)
}

const contents = new Map<string, Buffer>()

/** Read once, so that a build in the meantime does not mix two dataplanes in one run. */
function contentsOf(path: string): Buffer {
  const known = contents.get(path) ?? readFileSync(path)
  contents.set(path, known)
  return known
}

/** A fresh dataplane from an object file, for the default number of conns, without services. */
export async function loadDataplane(object: string): Promise<Collection<typeof xdpLb>> {
  const spec = CollectionSpec.parse(contentsOf(object), xdpLb.name)
  const buckets = connBuckets(DEFAULTS.conns.max)
  for (const table of ['conns', 'reverse']) spec.map(table).maxEntries = buckets
  const dataplane = await Collection.load(spec, xdpLb)
  const hz = await measureHz(dataplane.programs.lbClock)
  dataplane.maps.settings.set(0, { ...EMPTY_SETTINGS, hashSeed: randomBytes(8).readBigUInt64LE(), connBuckets: buckets, hz })
  return dataplane
}

/** The replies' programs over the maps of a dataplane, from the object beside its own. */
export function loadReply(object: string, dataplane: Collection<typeof xdpLb>): Promise<Collection<typeof tcReply>> {
  const spec = CollectionSpec.parse(contentsOf(join(dirname(object), `${tcReply.name}.o`)), tcReply.name)
  for (const table of ['conns', 'reverse']) spec.map(table).maxEntries = connBuckets(DEFAULTS.conns.max)
  return Collection.load(spec, tcReply, { mapReplacements: dataplane.maps })
}

export function loadTestrun(): Promise<Collection<typeof testrunObject>> {
  return load(built('bench/testrun'), testrunObject)
}

export function loadYardstick(): Promise<Collection<typeof yardstickObject>> {
  return load(built('bench/yardstick'), yardstickObject)
}

export function loadLive(): Promise<Collection<typeof liveObject>> {
  return load(built('bench/live'), liveObject)
}
