/** Makes the probes' namespace what it should be, and removes it. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { errnoOf, VeerError } from '../errors.js'
import { NAMED_NAMESPACES, NetworkNamespace } from './netns.js'
import { readProbeNamespace } from './probe-namespace-facts.js'
import type { Step } from './probe-namespace-plan.js'
import { planMends } from './probe-namespace-plan.js'
import type { ProbeNamespaceSpec } from './probe-namespace.js'
import { probeDeviceName, probeNamespaceName } from './probe-namespace.js'
import { writeSysctl } from './sysctl.js'

/** What mending uncovers, or somebody else changes meanwhile, is mended in the next round. */
const ROUNDS = 4

/**
 * Makes what is missing and puts right what is wrong, whatever state it was left in. Returns what was wrong. Needs
 * CAP_SYS_ADMIN.
 *
 * @param host - where the other end of the pair is
 * @throws VeerError `LB_ERR_PROBE_PATH`
 */
export async function mendProbeNamespace(host: NetworkNamespace, spec: ProbeNamespaceSpec): Promise<string[]> {
  const mended = new Set<string>()
  let failed: Error | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const mends = planMends(spec, await readProbeNamespace(host, spec))
    if (mends.length === 0) return [...mended]
    for (const { wrong } of mends) mended.add(wrong)
    failed = failureOf(() => mends.flatMap(({ steps }) => steps).forEach((step) => carryOut(step, host, spec.name)))
  }
  throw failed ?? failure([...mended].join(', '))
}

function failureOf(work: () => void): Error | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Removes the pair and the namespace; what is not there is no error. A process in the namespace keeps it, without a device. */
export function removeProbeNamespace(host: NetworkNamespace, instance: string): void {
  const device = probeDeviceName(instance)
  const name = probeNamespaceName(instance)
  if (host.run(() => existsSync(`/proc/sys/net/ipv4/conf/${device}`))) run(host, 'ip', ['link', 'delete', device])
  if (existsSync(`${NAMED_NAMESPACES}/${name}`)) run(host, 'ip', ['netns', 'delete', name])
}

function carryOut(step: Step, host: NetworkNamespace, name: string): void {
  const namespace = step.where === 'host' ? host : NetworkNamespace.open(name)
  if ('command' in step) run(namespace, step.command, step.arguments)
  else writeSysctl(namespace, step.setting, step.value)
}

function run(namespace: NetworkNamespace, command: string, args: readonly string[]): void {
  try {
    namespace.run(() => execFileSync(command, args, { stdio: 'pipe' }))
  } catch (cause) {
    if (cause instanceof VeerError) throw cause
    throw failure(`${command} ${args.join(' ')}: ${reasonOf(command, cause)}`, cause)
  }
}

function reasonOf(command: string, error: unknown): string {
  if (errnoOf(error) === 'ENOENT') return `there is no ${command} command`
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return (stderr || String(error)).split('\n')[0] ?? ''
}

function failure(message: string, cause?: unknown): VeerError {
  return new VeerError('LB_ERR_PROBE_PATH', `cannot make the path of probes: ${message}`, {
    hint: 'run as root with iproute2 and ethtool installed, or do without: health: { kind: none }',
    cause,
  })
}
