/**
 * Removes labs. All that a lab owns is found by its name, so that it can be removed by a process that did not make
 * it. Everything is synchronous, so that it can run while a process ends.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { constants } from 'node:os'

/** A directory for each lab: its mark, its BPF filesystem and its files. */
export const LABS = '/run/veer-lab'

const NAMESPACES = '/run/netns'

export const labDirectory = (name: string): string => `${LABS}/${name}`

export const bpffsOf = (name: string): string => `${labDirectory(name)}/bpf`

/** What veer keeps of the lab's instance: its lock, and which ports it reserved. */
const recordsOf = (name: string): string[] => ['lock', 'ports'].map((kind) => `/run/veer/${name}.${kind}`)

/** Where probes of an instance leave from. */
const PROBES = 'veer-probe-'

/** The namespaces of a lab: its name and the host's; and those of probes of its instances, which have its name or begin with it. */
export function namespacesOf(name: string): string[] {
  if (!existsSync(NAMESPACES)) return []
  return readdirSync(NAMESPACES).filter((namespace) => `${namespace.replace(PROBES, '')}-`.startsWith(`${name}-`))
}

/** Claims a name for a lab of this process that no other lab has. */
export function claimName(): string {
  mkdirSync(LABS, { recursive: true })
  for (let count = 1; ; count++) {
    const name = `veer-${process.pid}-${count}`
    if (claim(name)) return name
  }
}

/** Makes the lab's directory; false when there is one already. */
export function claim(name: string): boolean {
  return mkdirSync(labDirectory(name), { recursive: true }) !== undefined
}

/** Ends the lab's processes, and removes its pins, namespaces and files. Removing what is not there is no error. */
export function removeLab(name: string): void {
  const namespaces = namespacesOf(name)
  for (const namespace of namespaces) endProcesses(namespace)
  unmount(bpffsOf(name))
  for (const namespace of namespaces) spawnSync('ip', ['netns', 'delete', namespace])
  rmSync(labDirectory(name), { recursive: true, force: true })
  for (const record of recordsOf(name)) rmSync(record, { force: true })
}

function endProcesses(namespace: string): void {
  const { stdout } = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' })
  for (const pid of stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

/** Unmounting drops the last reference to the pins; lazily when something still has a file of it open. */
function unmount(directory: string): void {
  if (!existsSync(directory)) return
  if (spawnSync('umount', [directory]).status !== 0) spawnSync('umount', ['--lazy', directory])
}

/** The processes whose labs there are: `veer-PID-N`. */
const LAB_NAME = /^(?:veer-probe-)?(veer-(\d+)-\d+)(-|$)/

/** Names of labs on this machine whose process has died without removing them. */
export function staleLabs(): string[] {
  const entries = [LABS, NAMESPACES].flatMap((directory) => (existsSync(directory) ? readdirSync(directory) : []))
  const stale = entries.flatMap((entry) => {
    const match = LAB_NAME.exec(entry)
    return match?.[1] !== undefined && !isAlive(Number(match[2])) ? [match[1]] : []
  })
  return [...new Set(stale)]
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The labs that this process has still to remove when it ends, however it ends. */
const mine = new Set<string>()

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function removeMine(): void {
  for (const name of mine) removeLab(name)
  mine.clear()
}

function onSignal(signal: NodeJS.Signals): void {
  removeMine()
  process.exit(128 + constants.signals[signal])
}

/** Removes the lab when this process ends: by itself, by an exception or by a signal. */
export function removeAtExit(name: string): void {
  if (mine.size === 0) {
    process.once('exit', removeMine)
    for (const signal of SIGNALS) process.once(signal, onSignal)
  }
  mine.add(name)
}

/** The lab is removed, or shall stay. */
export function forgetAtExit(name: string): void {
  mine.delete(name)
  if (mine.size > 0) return
  process.off('exit', removeMine)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

/** Mounts the lab's own BPF filesystem. */
export function mountBpffs(name: string): string {
  const directory = bpffsOf(name)
  mkdirSync(directory, { recursive: true })
  execFileSync('mount', ['-t', 'bpf', 'bpf', directory])
  return directory
}
