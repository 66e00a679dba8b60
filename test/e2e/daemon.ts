/** A `veer run` and what it logs. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { DEADLINE } from './support.js'

const VEER = fileURLToPath(new URL('../../bin/veer', import.meta.url))

/** A lab or director, as far as veer's command line goes. */
export interface WithVeer {
  veerOptions: readonly string[]
}

export interface DaemonOptions {
  /** Besides this process's. */
  env?: NodeJS.ProcessEnv
  /** A command that becomes it, with its arguments. */
  through?: readonly string[]
}

export type LogLine = Record<string, unknown> & { msg: string }

/** A `veer run` in the lab and what it has logged. */
export class Daemon {
  readonly lines: LogLine[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown[]>
  stderr = ''

  constructor(lab: WithVeer, file: string, { env, through = [] }: DaemonOptions = {}) {
    const words = [...through, VEER, ...lab.veerOptions, 'run', '-f', file]
    this.#child = spawn(words[0] ?? VEER, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    this.#ended = once(this.#child, 'exit')
    let rest = ''
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      this.lines.push(...lines.map((line) => JSON.parse(line) as LogLine))
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
  }

  static async start(lab: WithVeer, file: string, options?: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(lab, file, options)
    await daemon.logs('running')
    return daemon
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Its checker processes. */
  checkers(): number[] {
    const { stdout } = spawnSync('pgrep', ['-P', `${this.pid}`, '-f', 'health/checker.js'], { encoding: 'utf8' })
    return stdout.split('\n').filter((line) => line !== '').map(Number)
  }

  /** The lines with this message, and of those with these fields. */
  said(message: string, fields: Record<string, unknown> = {}): LogLine[] {
    const isMeant = (line: LogLine): boolean => Object.entries(fields).every(([key, value]) => line[key] === value)
    return this.lines.filter((line) => line.msg === message && isMeant(line))
  }

  count(message: string): number {
    return this.lines.filter(({ msg }) => msg === message).length
  }

  /** Waits until it has logged the message so many times. */
  async logs(message: string, times = 1): Promise<void> {
    const said = (): string[] => [...this.lines.map(({ msg }) => msg), this.stderr]
    await expect.poll(() => this.count(message) >= times, { ...DEADLINE, message: message }).toBe(true).catch(() => {
      throw new Error(`never said "${message}" ${times} times, but: ${said().join('; ')}`)
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Ends it; the exit code and the signal. */
  async end(signal: NodeJS.Signals): Promise<unknown[]> {
    this.#child.kill(signal)
    return this.#ended
  }
}
