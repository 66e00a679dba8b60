/** Kernel settings under /proc/sys. */
import { readFileSync, writeFileSync } from 'node:fs'
import { errnoOf, VeerError } from '../errors.js'
import type { NetworkNamespace } from './netns.js'

/**
 * The file of a setting: `net/ipv4/conf/eth0/rp_filter`. Slashes, not dots: interface names contain dots.
 * /proc/sys/net shows the namespace of the thread that opens it (net_ctl_root in net/sysctl_net.c), hence the
 * synchronous calls inside run().
 */
const file = (key: string): string => `/proc/sys/${key}`

/** The value of a setting without its line end, or undefined when this kernel has no such setting. */
export function readSysctl(namespace: NetworkNamespace, key: string): string | undefined {
  try {
    return namespace.run(() => readFileSync(file(key), 'utf8')).trim()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Sets a setting. Throws `LB_ERR_SYSCTL_UNWRITABLE`. */
export function writeSysctl(namespace: NetworkNamespace, key: string, value: string | number): void {
  try {
    namespace.run(() => writeFileSync(file(key), `${value}\n`))
  } catch (cause) {
    const reason = errnoOf(cause) ?? String(cause)
    throw new VeerError('LB_ERR_SYSCTL_UNWRITABLE', `cannot set ${key} to ${value} in ${namespace}: ${reason}`, { cause })
  }
}
