/** What the kernel must allow this process to do. */
import { VeerError } from '../errors.js'
import { native } from '../native.js'

/** Bit numbers of linux/capability.h. */
const BITS = {
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
} as const

export type Capability = keyof typeof BITS

/**
 * Load and attach programs, and ask for the reals' MACs. Without CAP_PERFMON the verifier refuses arithmetic on pointers
 * and guards each access against speculation (kernel/bpf/verifier.c, bpf_allow_ptr_leaks(), bpf_bypass_spec_v1()).
 */
export const DATAPLANE_CAPABILITIES: readonly Capability[] = [
  'CAP_BPF',
  'CAP_PERFMON',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
]

/** The same in another network namespace, as probes need one, or where the BPF filesystem must first be mounted. */
export const NAMESPACE_CAPABILITIES: readonly Capability[] = [...DATAPLANE_CAPABILITIES, 'CAP_SYS_ADMIN']

/** Those of `needed` that are not in `effective`, a bit mask as /proc/PID/status shows in CapEff. */
export function missingCapabilities(needed: readonly Capability[], effective: bigint): Capability[] {
  return needed.filter((name) => ((effective >> BITS[name]) & 1n) === 0n)
}

/** Throws `LB_ERR_CAPABILITY_MISSING`, naming what is missing. */
export function requireCapabilities(
  needed: readonly Capability[] = DATAPLANE_CAPABILITIES,
  effective: bigint = native().effectiveCapabilities(),
): void {
  const missing = missingCapabilities(needed, effective)
  if (missing.length === 0) return
  throw new VeerError('LB_ERR_CAPABILITY_MISSING', `not allowed to drive the dataplane: ${missing.join(', ')} missing`, {
    hint: 'run as root, or give the process these capabilities',
  })
}
