/** VIPs that the host itself owns (`announce: bind`). */
import { execFileSync } from 'node:child_process'
import { VeerError } from '../errors.js'
import { familyOf } from '../net/address.js'
import type { NetworkNamespace } from './netns.js'

/**
 * IPv4 goes on `lo`: Linux answers ARP for an address of any interface. IPv6 neighbour discovery answers for the
 * interface's own addresses only, so IPv6 goes on the interface.
 */
export function bindingDevice(vip: string, interfaceName: string): string {
  return familyOf(vip) === 4 ? 'lo' : interfaceName
}

/** Adds the address as a host route; false when the host has it there already. */
export function addHostAddress(namespace: NetworkNamespace, vip: string, device: string): boolean {
  try {
    namespace.run(() => ip(['address', 'add', ...addressArguments(vip, device)]))
    return true
  } catch (cause) {
    if (/File exists|already assigned/i.test(stderrOf(cause))) return false
    throw new VeerError('LB_ERR_VIP_UNBINDABLE', `cannot put ${vip} on ${device}: ${stderrOf(cause)}`, { cause })
  }
}

/** Removes what {@link addHostAddress} added; an address or device that has gone is no error. */
export function removeHostAddress(namespace: NetworkNamespace, vip: string, device: string): void {
  try {
    namespace.run(() => ip(['address', 'delete', ...addressArguments(vip, device)]))
  } catch (cause) {
    const reason = stderrOf(cause)
    if (/Cannot assign requested address|address not found|Cannot find device/i.test(reason)) return
    throw new VeerError('LB_ERR_VIP_UNBINDABLE', `cannot take ${vip} off ${device}: ${reason}`, { cause })
  }
}

/** No duplicate address detection: the VIP may still be on the director that we take over from. */
function addressArguments(vip: string, device: string): string[] {
  return familyOf(vip) === 4 ? [`${vip}/32`, 'dev', device] : [`${vip}/128`, 'dev', device, 'nodad']
}

function ip(args: string[]): void {
  execFileSync('ip', args.includes('delete') ? args.filter((arg) => arg !== 'nodad') : args, { stdio: 'pipe' })
}

function stderrOf(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  return stderr.trim().split('\n')[0] ?? ''
}
