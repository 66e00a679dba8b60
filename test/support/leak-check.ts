/**
 * What tests can leave on a machine: namespaces, interfaces, addresses, pins, mounts, and files of veer or the lab.
 * scripts/test runs it as `before FILE`, which notes what is there, and `after FILE`, which fails when there is more.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : [])

/** Mount points of BPF filesystems. */
function bpffsMounts(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n')
  return mounts.flatMap((line) => {
    const [, directory, type] = line.split(' ')
    return type === 'bpf' && directory !== undefined ? [directory] : []
  })
}

/** Pins and their directories, at any depth; none when another process unmounts it just now. */
function pinsUnder(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => `${directory}/${path}`)
  } catch {
    return []
  }
}

/** Everything that a leak would show in, one line each. */
function traces(): string[] {
  const mounts = bpffsMounts()
  return [
    ...list('/run/netns').map((name) => `namespace ${name}`),
    ...list('/sys/class/net').map((name) => `interface ${name}`),
    ...addresses().map((address) => `address ${address}`),
    ...mounts.map((directory) => `mount ${directory}`),
    ...mounts.flatMap(pinsUnder).map((path) => `pin ${path}`),
    ...list('/run/veer').map((name) => `file /run/veer/${name}`),
    ...list('/run/veer-lab').map((name) => `file /run/veer-lab/${name}`),
  ]
}

function addresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, own = []]) => own.map(({ cidr }) => `${cidr} on ${name}`))
}

/** Labs and BPF filesystems carry their process in the name; what a living process has is not left behind yet. */
function hasLivingOwner(trace: string): boolean {
  const pid = /veer-(\d+)-\d+/.exec(trace)?.[1]
  return pid !== undefined && pid !== String(process.pid) && existsSync(`/proc/${pid}`)
}

/** What is there now and was not before. */
function leaks(before: readonly string[]): string[] {
  return traces().filter((trace) => !before.includes(trace) && !hasLivingOwner(trace))
}

function main([verb, file = '']: string[]): void {
  if (verb === 'before') {
    writeFileSync(file, JSON.stringify(traces()))
    return
  }
  const left = leaks(JSON.parse(readFileSync(file, 'utf8')) as string[])
  for (const trace of left) console.error(`left behind: ${trace}`)
  if (left.length > 0) process.exitCode = 1
}

main(process.argv.slice(2))
