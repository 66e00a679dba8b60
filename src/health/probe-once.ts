/**
 * The process that checks each real once for `veer probe`; it is started in the namespace of the probes, or, with
 * `--local`, in that of the host. It ends with the process that started it.
 */
import { parseArgs } from 'node:util'
import { VeerError } from '../errors.js'
import { PortPool, ProbeMaps } from './port-pool.js'
import type { ProbeNews, ProbeOrder } from './probe-protocol.js'
import { isolatedProber, localProber, type Prober } from './prober.js'
import type { ProbeTarget } from './protocol.js'

const { values } = parseArgs({
  options: {
    instance: { type: 'string', default: '' },
    bpffs: { type: 'string', default: '' },
    local: { type: 'boolean', default: false },
  },
})

function main(): void {
  process.on('disconnect', () => process.exit(0))
  // It may have gone while our modules were being read: then there is no such event any more.
  if (!process.connected) process.exit(0)
  const probe = values.local ? localProber : commandProber()
  process.once('message', ({ targets }: ProbeOrder) => {
    for (const target of targets) void check(probe, target)
  })
}

function commandProber(): Prober {
  const maps = new ProbeMaps({ name: values.instance, bpffs: values.bpffs })
  return isolatedProber(new PortPool(maps.probes, maps.range(), 'command'))
}

async function check(probe: Prober, target: ProbeTarget): Promise<void> {
  const { key } = target
  const onStep = (step: string, detail: string, atMs: number): void => say({ type: 'step', key, step, detail, atMs })
  try {
    say({ type: 'result', key, result: await probe(target, { explain: true, onStep }) })
  } catch (error) {
    const { code, hint } = error instanceof VeerError ? error : { code: undefined, hint: undefined }
    say({ type: 'fault', key, code, reason: error instanceof Error ? error.message : String(error), hint })
  }
}

function say(news: ProbeNews): void {
  process.send?.(news, undefined, undefined, () => undefined)
}

main()
