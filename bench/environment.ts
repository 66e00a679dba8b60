/** What the numbers depend on and a reader cannot see in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, release } from 'node:os'
import { native } from '../src/native.js'

export interface Environment {
  date: string
  kernel: string
  cpu: string
  cpusAvailable: number
  bpfStats: string
  jit: string
  libbpf: string
  node: string
  /** Those that are not `Not affected`. */
  mitigations: Record<string, string>
}

const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities'

function readSetting(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

function mitigations(): Record<string, string> {
  const all = readdirSync(VULNERABILITIES).map((name) => [name, readSetting(`${VULNERABILITIES}/${name}`)] as const)
  return Object.fromEntries(all.filter(([, state]) => state !== 'Not affected'))
}

export function readEnvironment(): Environment {
  return {
    date: new Date().toISOString(),
    kernel: `${release()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cpusAvailable: availableParallelism(),
    bpfStats: readSetting('/proc/sys/kernel/bpf_stats_enabled'),
    jit: readSetting('/proc/sys/net/core/bpf_jit_enable'),
    libbpf: native().versions().libbpf,
    node: process.version,
    mitigations: mitigations(),
  }
}

/** Why nothing should be measured here; undefined when nothing speaks against it. */
export function objection({ bpfStats, jit }: Environment): string | undefined {
  if (bpfStats === '1') return 'kernel.bpf_stats_enabled is 1, which adds to every program run: sysctl -w kernel.bpf_stats_enabled=0'
  if (jit === '0') return 'net.core.bpf_jit_enable is 0: sysctl -w net.core.bpf_jit_enable=1'
  return undefined
}

export function printEnvironment(environment: Environment): string {
  const { mitigations, ...rest } = environment
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${value}`)
  const list = Object.entries(mitigations).map(([name, state]) => `${name}: ${state}`)
  return [...lines, `mitigations: ${list.join('; ') || 'none'}`].join('\n')
}
