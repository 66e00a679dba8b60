/** The qdiscs of an interface, as others may use them too. Runs in the thread's network namespace. */
import { execFileSync } from 'node:child_process'

/**
 * Read with the `tc` tool, which iproute2 brings along with `ip`: libbpf asks for one filter by its place, and can list
 * neither filters nor qdiscs.
 */
function tc(args: readonly string[]): unknown[] {
  return JSON.parse(execFileSync('tc', ['-json', ...args], { encoding: 'utf8', stdio: 'pipe' }) || '[]') as unknown[]
}

/** Whether an interface has TC filters. When that cannot be read the answer is yes, so that nothing of others is removed. */
export function hasFilters(interfaceName: string): boolean {
  try {
    return ['ingress', 'egress'].some((direction) => {
      return tc(['filter', 'show', 'dev', interfaceName, direction]).length > 0
    })
  } catch {
    return true
  }
}

/**
 * Whether an interface has the qdisc `ingress`. It excludes clsact, and the kernel takes filters for egress all the same,
 * but runs them on what comes in (ingress_tcf_block(), net/sched/sch_ingress.c).
 */
export function hasIngressQdisc(interfaceName: string): boolean {
  const qdiscs = tc(['qdisc', 'show', 'dev', interfaceName]) as { kind?: string }[]
  return qdiscs.some(({ kind }) => kind === 'ingress')
}
