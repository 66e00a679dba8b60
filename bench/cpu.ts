/** CPU time of one CPU that this process has to itself but for the kernel's packet work. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICK_SECONDS = 0.01

/** Pins this thread, and what it starts, to one CPU; Node's helper threads stay free. */
export function pinTo(cpu: number): void {
  execFileSync('taskset', ['-p', '-c', String(cpu), String(process.pid)], { stdio: 'pipe' })
}

/** Reads what was spent by this process, and by the kernel's softirq thread of `cpu` for frames left to it. */
export class CpuClock {
  readonly #softirqStat: string

  constructor(cpu: number) {
    const pid = readdirSync('/proc').find((entry) => /^\d+$/.test(entry) && commOf(entry) === `ksoftirqd/${cpu}`)
    if (pid === undefined) throw new Error(`there is no thread ksoftirqd/${cpu}`)
    this.#softirqStat = `/proc/${pid}/stat`
  }

  /** Seconds since some moment. Softirq work inside a system call counts as that of the caller. */
  seconds(): number {
    const { user, system } = process.cpuUsage()
    const fields = readFileSync(this.#softirqStat, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (user + system) / 1e6 + (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS
  }
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return '' // it has ended
  }
}
