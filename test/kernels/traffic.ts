/**
 * What `scripts/kernels` runs in each kernel: both objects go through its verifier, then TCP and UDP through dr and nat
 * over veth, then probes of the same
 * reals by their own path. The last line says how far it came: `RELEASE load ok, dr ok, nat ok (tcx), probe ok`.
 */
import { deepEqual } from 'node:assert/strict'
import { release } from 'node:os'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { askByProbePath } from '../../lab/probe.js'
import { CLIENT, DR_VIP, FAMILIES, type Family, NAT_VIP, realAddress, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { hookOfFilter, hookOfLink } from '../../src/dataplane/hooks.js'
import { Instance } from '../../src/dataplane/instance.js'
import { loadObjects } from '../../src/dataplane/loaded-objects.js'
import { closeMaps, closePrograms } from '../../src/dataplane/programs.js'
import type { ProbeTarget } from '../../src/health/protocol.js'

const REALS = 2
const BUCKETS = 1 << 10
/** For an answer; an emulated machine is slow. */
const TIMEOUT_MS = 20_000

/** The first. */
const PROBE_PORTS = 61_000

const VIPS = { dr: DR_VIP, nat: NAT_VIP } as const
const METHODS = ['dr', 'nat'] as const

type Method = (typeof METHODS)[number]

async function load(): Promise<void> {
  const { maps, programs, sweepStart } = await loadObjects(BUCKETS)
  for (const program of [...Object.values(programs), sweepStart]) {
    const { verifiedInstructions, jitedBytes } = program.info()
    console.log(`  ${program.name}: ${verifiedInstructions} instructions verified, ${jitedBytes} bytes of machine code`)
  }
  closePrograms(programs)
  sweepStart.close()
  closeMaps(maps)
}

const services = METHODS.flatMap((forward) =>
  FAMILIES.flatMap(({ family }) =>
    ['tcp', 'udp'].map((protocol) => {
      const health = { kind: protocol === 'tcp' ? 'tcp' : 'none' }
      return serviceFor({ name: `${forward}-${protocol}-${family}`, forward, protocol, family, reals: REALS, health })
    }),
  ),
)

/** Each real answers one of as many requests: over TCP it says who asked, over UDP its name. */
async function send({ client }: Network, method: Method, family: Family): Promise<void> {
  const vip = VIPS[method][family]
  const url = `http://${family === 6 ? `[${vip}]` : vip}/`
  const answers: string[] = []
  for (let sent = 0; sent < REALS; sent++) {
    const http = await client.get(url)
    const udp = await client.udp(vip, VIP_PORT, 'who', TIMEOUT_MS)
    answers.push(`tcp ${http.real} saw ${http.client}`, `udp ${udp}`)
  }
  const expected = Array.from({ length: REALS }, (_, index) => `real${index + 1}`)
  deepEqual(answers.sort(), [...expected.map((real) => `tcp ${real} saw ${CLIENT[family]}`), ...expected.map((real) => `udp ${real}`)])
}

/** By what the programs of replies are attached to both interfaces, both ways. */
function replyMechanism({ location }: LabDirector): string {
  using instance = Instance.open(location)
  const found = {
    tcx: instance.pins.list('links').filter((pin) => /gress$/.test(hookOfLink(pin)?.kind ?? '')).length,
    clsact: instance.pins.list('filters').filter((pin) => hookOfFilter(pin) !== undefined).length,
  }
  const mechanism = found.tcx > 0 ? 'tcx' : 'clsact'
  deepEqual(found, { tcx: 0, clsact: 0, [mechanism]: 4 })
  return mechanism
}

/** Each service has each of its reals answer by name: those of dr are asked by the VIP. */
function probe({ location }: LabDirector, targets: readonly ProbeTarget[]): void {
  const answers = targets.map((target, index) => {
    const real = askByProbePath(location, target, { port: PROBE_PORTS + index, seconds: TIMEOUT_MS / 1000 })
    return `${target.service} ${target.address} ${real}`
  })
  const expected = METHODS.flatMap((method) =>
    FAMILIES.flatMap(({ family }) =>
      Array.from({ length: REALS }, (_, index) => `${method}-tcp-${family} ${realAddress(index + 1, family)} real${index + 1}`),
    ),
  )
  deepEqual(answers.sort(), expected.sort())
}

const passed: string[] = []
try {
  await load()
  passed.push('load ok')
  await using network = await Network.create({ hosts: twoArm({ reals: REALS }) })
  const director = new LabDirector(network)
  const config = twoArmConfig(services, { probe: { ports: `${PROBE_PORTS}-65535` } })
  const before = performance.now()
  await director.attach(config)
  console.log(`  attached in ${Math.round(performance.now() - before)} ms`)
  for (const method of METHODS) {
    for (const { family } of FAMILIES) await send(network, method, family)
    passed.push(method === 'dr' ? 'dr ok' : `nat ok (${replyMechanism(director)})`)
  }
  probe(director, director.probeTargets(config))
  passed.push('probe ok')
  await director.detach()
} catch (error) {
  console.error(error)
  passed.push('FAILED')
}
console.log(`${release()} ${passed.join(', ')}`)
