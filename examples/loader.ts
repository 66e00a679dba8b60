/**
 * The loader library alone: load an object, set a constant, run a packet through the program, read a counter.
 * The program is test/bpf/loader_example.c, built by scripts/build-bpf. As root: npx tsx examples/loader.ts
 */
import { readFileSync } from 'node:fs'
import { Codec, Collection, CollectionSpec, MapType, layout, perCpuMap, u32Codec } from '../src/index.js'

interface FrameCounters {
  frames: bigint
  bytes: bigint
}

const { struct, u64 } = layout
const frameCounters = new Codec<FrameCounters>(
  struct('frame_counters', 16, { frames: [0, u64], bytes: [8, u64] }),
)

/** What the code below expects of the object; checked against the object's BTF when it is loaded. */
const descriptor = {
  name: 'loader_example',
  maps: {
    counters: perCpuMap({ name: 'counters', type: MapType.percpuArray, flags: 0 }, u32Codec, frameCounters),
  },
  programs: {
    sizeFilter: { name: 'size_filter', section: 'xdp' },
  },
}

const PASSED = 0
const DROPPED = 1
const XDP_ACTIONS = ['aborted', 'drop', 'pass', 'tx', 'redirect']

const file = new URL('../build/bpf/test/loader_example.o', import.meta.url)
const spec = CollectionSpec.parse(readFileSync(file), 'loader_example')
spec.constants.set('drop_from', 1000)

const collection = await Collection.load(spec, descriptor)
for (const size of [64, 999, 1000]) {
  const { retval } = collection.programs.sizeFilter.run({ data: Buffer.alloc(size) })
  console.log(`${size} bytes: ${XDP_ACTIONS[retval]}`)
}
for (const [name, key] of Object.entries({ passed: PASSED, dropped: DROPPED })) {
  const { frames, bytes } = collection.maps.counters.sum(key)!
  console.log(`${name}: ${frames} frames, ${bytes} bytes`)
}
collection.close()
