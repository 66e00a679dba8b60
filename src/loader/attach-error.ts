/** Why a program could not be attached, found out after the kernel said no. */
import { VeerError, errnoOf } from '../errors.js'
import { native } from '../native.js'

/** The interface's name for messages. */
export function interfaceOf(ifindex: number): string {
  try {
    return native().interfaceName(ifindex)
  } catch {
    return `interface ${ifindex}`
  }
}

/** The error of an interface that is not there; undefined when it is. */
export function missingInterface(ifindex: number, cause: unknown): VeerError | undefined {
  try {
    native().interfaceName(ifindex)
    return undefined
  } catch {
    return new VeerError('LB_ERR_INTERFACE_MISSING', `there is no interface with index ${ifindex}`, {
      hint: 'ip link shows what is there; interfaces of another network namespace need --netns',
      cause,
    })
  }
}

/** What the kernel said, of a failure that has no better error. */
export function attachError(what: string, cause: unknown): VeerError {
  const code = errnoOf(cause) ?? (cause as Error).message
  const denied = code === 'EPERM'
  const hint = denied ? 'run as root, or with CAP_NET_ADMIN and CAP_BPF' : 'dmesg may say what the driver missed'
  return new VeerError('LB_ERR_PROGRAM_ATTACH', `cannot attach ${what}: ${code}`, { hint, cause })
}
