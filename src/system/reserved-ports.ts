/** Ports that the host gives to no socket by itself: `net.ipv4.ip_local_reserved_ports`, for IPv4 and IPv6. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../errors.js'
import type { PortRange, PortSet } from '../net/port-set.js'
import { formatPorts, parsePorts, withoutPorts } from '../net/port-set.js'
import { RUN_DIRECTORY, withInstanceLock } from './lock.js'
import type { NetworkNamespace } from './netns.js'
import type { PortLedger, Reservation } from './port-ledger.js'
import { release, reserve } from './port-ledger.js'
import { readSysctl, writeSysctl } from './sysctl.js'

const SETTING = 'net/ipv4/ip_local_reserved_ports'
const SUFFIX = '.ports'
/** No instance has such a name. */
const LOCK = 'reserved_ports'

export interface PortHolder {
  /** Whose ports are to be kept from sockets. */
  namespace: NetworkNamespace
  instance: string
  /** Whether another instance that reserved ports there is still in use. */
  inUse: (instance: string) => boolean
}

/** Which ports of a range the host could still give to a socket. */
export function unreservedPorts(namespace: NetworkNamespace, range: PortRange): PortSet {
  return withoutPorts([range], reservedPorts(namespace))
}

/**
 * Reserves a range for an instance, instead of the one it may have had. What others have on the list stays; what is
 * added is written down in /run/veer first. Returns what was missing.
 */
export function reservePorts(holder: PortHolder, range: PortRange): Promise<PortSet> {
  return change(holder, (before) => {
    const after = reserve(before, holder.instance, [range])
    return [after, withoutPorts([range], before.reserved)]
  })
}

/** Takes from the list what {@link reservePorts} added, unless another instance wants it. */
export function releasePorts(holder: PortHolder): Promise<void> {
  return change(holder, (before) => [release(before, holder.instance), undefined])
}

function change<T>(holder: PortHolder, edit: (before: PortLedger) => [after: PortLedger, result: T]): Promise<T> {
  return withInstanceLock(LOCK, () => {
    const before = readLedger(holder)
    const [after, result] = edit(before)
    const text = formatPorts(after.reserved)
    const netns = holder.namespace.inode()
    for (const [name, each] of after.reservations) writeRecord(name, netns, each)
    if (text !== formatPorts(before.reserved)) writeSysctl(holder.namespace, SETTING, text)
    if (!after.reservations.has(holder.instance)) rmSync(recordOf(holder.instance), { force: true })
    return result
  }, { what: 'the list of reserved ports' })
}

function readLedger({ namespace, instance, inUse }: PortHolder): PortLedger {
  const netns = namespace.inode()
  const reservations = new Map<string, Reservation>()
  for (const file of readdirSync(RUN_DIRECTORY)) {
    if (!file.endsWith(SUFFIX)) continue
    const name = file.slice(0, -SUFFIX.length)
    const record = readRecord(name)
    if (record?.netns === `${netns}` && (name === instance || inUse(name))) reservations.set(name, record)
  }
  return { reserved: reservedPorts(namespace), reservations }
}

const reservedPorts = (namespace: NetworkNamespace): PortSet => parsePorts(readSysctl(namespace, SETTING) ?? '')

const recordOf = (instance: string): string => join(RUN_DIRECTORY, `${instance}${SUFFIX}`)

/** Undefined when it is gone, or cut short by a crash of the machine. */
function readRecord(instance: string): (Reservation & { netns: string }) | undefined {
  try {
    const { netns, wanted, added } = JSON.parse(readFileSync(recordOf(instance), 'utf8')) as Record<string, string>
    return { netns: netns ?? '', wanted: parsePorts(wanted ?? ''), added: parsePorts(added ?? '') }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function writeRecord(instance: string, netns: bigint, { wanted, added }: Reservation): void {
  const text = JSON.stringify({ netns: `${netns}`, wanted: formatPorts(wanted), added: formatPorts(added) })
  const path = recordOf(instance)
  mkdirSync(RUN_DIRECTORY, { recursive: true })
  writeFileSync(`${path}-new`, `${text}\n`)
  renameSync(`${path}-new`, path)
}
